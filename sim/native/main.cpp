// Runs the netlist: a loop over commands on standard input, one line of JSON for each answer.
//
//   w ADDRESS DATA   write a word on the control bus (no answer)
//   r ADDRESS        read a word: the number
//   run              send the whole input through: the figures of the run
//   port IFINDEX BYTES                     a port whose receive queue takes so many bytes (no answer)
//   f IFINDEX QUEUE CYCLE TIME_NS HEX      a frame arrives there, complete at CYCLE (no answer)
//   step CYCLE       let the clock run to CYCLE: what came out until then
//   drain            until nothing is inside: the same
//   stop             end the input of a run here
//   quit
//
// Words are read and written while a run is under way, too, as fast as the control bus takes them; so the answer to
// "run" may come behind answers to later commands.
// Once there is a port, the clock of frames also runs during transfers on the control bus.
// A fault is answered by {"error": kind, "message": text} and ends the program.
// What happens in which cycle is told in sim/driver.py; here it is made fast.

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "fault.hpp"
#include "netlist.hpp"
#include "options.hpp"
#include "results.hpp"
#include "sources.hpp"
#include "timing.hpp"

namespace hardpath {

constexpr uint64_t kRest = 4096;  // cycles without frames after which the clock may stop until the next one comes

class Simulation {
  public:
    Simulation(const Options& options, Commands& commands)
        : options_(options),
          commands_(commands),
          netlist_(Netlist::create(options.text("waves"), options.number("period_ps"))),
          pins_(*netlist_),
          width_(pins_.width()),
          results_(options.text("frames_out"), options.text("capture_out"), options.text("events_out"),
                   options.number("period_ps")),
          offer_(options.number("offer"), options.number("offer_seed")),
          take_(options.number("take"), options.number("take_seed")),
          patience_(options.number("patience")) {
        pins_.tx_ready = true;
        pins_.rst = true;
        for (int i = 0; i < 4; i++) clock();
        pins_.rst = false;
        clock();
    }

    void write(uint32_t address, uint32_t data) { transfer(address, true, data); }
    uint32_t read(uint32_t address) { return transfer(address, false, 0); }

    // Sends the whole input through and waits for every result.
    std::string run() {
        CaptureSource source(options_);
        while (!source.done() || busy() || pins_.bus_valid) {
            if (!pins_.bus_valid && (commands_.has_line() || cycle_ % kLookEvery == 0)) look_for_command(source);
            if (tick(source)) {
                pins_.bus_valid = false;
                if (!pins_.bus_write) std::cout << answer_ << '\n';
                if (!commands_.has_line()) std::cout.flush();  // answers to a batch leave together
            } else if (pins_.bus_valid && ++waited_ > patience_) {
                throw no_answer();
            }
        }
        pins_.rx_valid = false;
        pins_.tx_ready = true;
        results_.flush();
        return "{" + results_.json() + ", \"skipped\": " + std::to_string(source.skipped()) +
               ", \"first_accepted\": " + std::to_string(first_accepted_) +
               ", \"last_accepted\": " + std::to_string(last_accepted_) +
               ", \"last_result\": " + std::to_string(last_result_) + "}";
    }

    void port(uint32_t ifindex, uint64_t bytes) { ports_.add(ifindex, bytes); }
    void arrive(uint64_t cycle, Frame frame) { ports_.arrive(cycle, std::move(frame)); }
    std::string step(uint64_t until) {
        while (cycle_ < until) tick_or_rest(until);
        return report();
    }
    std::string drain() {
        while (!ports_.done() || busy()) tick_or_rest(UINT64_MAX);
        return report();
    }

  private:
    struct Outgoing {
        std::vector<uint8_t> data;
        uint32_t verdict = 0;
    };

    static constexpr uint64_t kLookEvery = 256;  // cycles; looking costs as much as simulating some of them

    const Options& options_;
    Commands& commands_;
    std::unique_ptr<Netlist> netlist_;
    Netlist& pins_;
    size_t width_;
    Results results_;
    Coin offer_, take_;
    uint64_t patience_;
    PortSource ports_;
    std::string stepped_;  // what came out since the last report

    uint64_t cycle_ = 0, quiet_ = 0, resting_ = 0;
    uint64_t first_accepted_ = 0, last_accepted_ = 0, last_result_ = 0;
    Frame frame_;            // taken from the source, none of its beats accepted yet
    bool offering_ = false;  // a beat is on the pins and must stay there until taken
    bool driven_ = false;
    size_t at_ = 0;  // bytes accepted of a frame that is accepted in part
    std::deque<Frame> inside_;     // accepted at least in part, no result yet
    std::deque<Result> verdicts_;  // results whose bytes are still coming out
    std::deque<Outgoing> outgoing_;  // frames out, complete but for the last
    bool output_open_ = false;
    std::vector<std::vector<uint8_t>> spare_;  // byte buffers to use again

    void clock() {
        pins_.settle();
        pins_.edge();
    }

    // Frames are on the pins or inside.
    bool busy() const { return offering_ || at_ || !inside_.empty(); }

    // One cycle of the clock of frames; whether a transfer on the control bus was carried out in it.
    bool tick(Source& source) {
        source.begin_cycle(cycle_);
        const bool willing = offer_.toss();
        if (willing && !offering_) offering_ = at_ || fetch(source);
        if (offering_) drive_beat();
        pins_.rx_valid = offering_;
        pins_.tx_ready = take_.toss();
        pins_.settle();
        const bool accepted = offering_ && pins_.rx_ready;
        const bool transferred = pins_.bus_valid && pins_.bus_ready;
        const bool moved = collect();
        if (transferred) answer_ = pins_.bus_rdata();
        pins_.edge();
        if (accepted) advance(source);
        quiet_ = accepted || moved || !busy() ? 0 : quiet_ + 1;
        if (quiet_ > patience_) throw stuck();
        cycle_++;
        return transferred;
    }

    // A cycle of stepping. Hardware in which nothing has happened for a while is left alone until a frame comes.
    void tick_or_rest(uint64_t until) {
        const bool idle = !busy() && ports_.empty();
        resting_ = idle ? resting_ + 1 : 0;
        if (resting_ > kRest && ports_.next_arrival(until) > cycle_) cycle_ = ports_.next_arrival(until);
        else tick(ports_);
    }

    std::string report() {
        results_.flush();
        std::string text = "{\"cycle\": " + std::to_string(cycle_) + ", \"lost\": [";
        const char* comma = "";
        for (const uint64_t index : ports_.lost()) {
            text += comma + std::to_string(index);
            comma = ", ";
        }
        text += "], \"frames\": [" + stepped_ + "]}";
        stepped_.clear();
        return text;
    }

    uint32_t answer_ = 0;  // of the last transfer

    uint64_t waited_ = 0;  // cycles of the transfer under way

    void begin_transfer(uint32_t address, bool write, uint32_t data) {
        pins_.bus_address = address;
        pins_.bus_write = write;
        pins_.bus_wdata = data;
        pins_.bus_valid = true;
        waited_ = 0;
    }

    uint32_t transfer(uint32_t address, bool write, uint32_t data) {
        begin_transfer(address, write, data);
        while (!transfer_cycle())
            if (++waited_ > patience_) throw no_answer();
        pins_.bus_valid = false;
        resting_ = 0;
        return answer_;
    }

    SimulationFault no_answer() const {
        return SimulationFault("the control bus did not answer at address " + std::to_string(pins_.bus_address) +
                               " within " + std::to_string(patience_) + " cycles");
    }

    // During a run: begins a transfer, or ends the input.
    void look_for_command(CaptureSource& source) {
        std::string line;
        if (!commands_.ready() || !commands_.next(line)) return;
        std::istringstream words(line);
        std::string command;
        uint32_t address = 0, data = 0;
        words >> command >> address >> data;
        if (command == "stop") source.stop();
        else if (command == "r" || command == "w") begin_transfer(address, command == "w", data);
        else throw SimulationFault("no command for a run: " + line);
    }

    // A cycle of a transfer; whether it was carried out.
    bool transfer_cycle() {
        if (ports_.used()) return tick(ports_);
        pins_.settle();
        const bool ready = pins_.bus_ready;
        answer_ = pins_.bus_rdata();
        pins_.edge();
        return ready;
    }

    std::vector<uint8_t> spare() {
        if (spare_.empty()) return {};
        std::vector<uint8_t> buffer = std::move(spare_.back());
        spare_.pop_back();
        buffer.clear();
        return buffer;
    }

    // Asks for the next frame.
    bool fetch(Source& source) {
        if (frame_.data.capacity() == 0) frame_.data = spare();
        return source.take(cycle_, frame_);
    }

    void drive_beat() {
        if (driven_) return;
        driven_ = true;
        const std::vector<uint8_t>& data = at_ == 0 ? frame_.data : inside_.back().data;
        const size_t size = std::min(width_, data.size() - at_);
        Beat beat = {};
        std::memcpy(beat.data, &data[at_], size);
        std::memset(beat.keep, 0xFF, size / 8);
        if (size % 8) beat.keep[size / 8] = static_cast<uint8_t>((1u << size % 8) - 1);
        beat.last = at_ + size == data.size();
        pins_.drive(beat);
        if (at_ == 0) pins_.drive_metadata(frame_.interface + 1, frame_.queue, frame_.time_ns);
    }

    // The beat on the pins was taken.
    void advance(Source& source) {
        if (at_ == 0) {
            if (inside_.empty() && results_.count() == 0) first_accepted_ = cycle_;
            last_accepted_ = cycle_;
            frame_.started = cycle_;
            inside_.push_back(std::move(frame_));
            frame_.data = {};
        }
        at_ += width_;
        offering_ = driven_ = false;
        if (at_ >= inside_.back().data.size()) {
            at_ = 0;
            source.accepted();
        }
    }

    // Takes what comes out in this cycle; whether anything did.
    bool collect() {
        if (pins_.event_valid) take_event();
        const bool beat = pins_.tx_valid && pins_.tx_ready;
        if (beat) take_beat();
        const bool result = pins_.result_valid;
        if (result) {
            if (verdicts_.size() >= inside_.size()) throw SimulationFault("the datapath gave a result for no frame");
            verdicts_.push_back(pins_.result());
            last_result_ = cycle_;
        }
        if (beat || result)
            while (finish()) {
            }
        return beat || result || pins_.event_valid;
    }

    // An event leaves before the result of its frame.
    void take_event() {
        const Netlist::Event event = pins_.event();
        const uint64_t position = event.frame - results_.count();
        if (position >= inside_.size()) throw SimulationFault("the datapath gave an event for no frame");
        results_.event(inside_[position].index, event);
    }

    void take_beat() {
        Beat beat;
        uint32_t verdict;
        pins_.take(beat, verdict);
        size_t size = 0;
        while (size < width_ && beat.keep[size / 8] >> size % 8 & 1) size++;
        for (size_t i = size; i < width_; i++)
            if (beat.keep[i / 8] >> i % 8 & 1) throw SimulationFault("tx_keep has a hole");
        if (size < width_ && !beat.last) throw SimulationFault("a beat that is not the last has less than all bytes");
        if (!output_open_) {
            outgoing_.push_back({spare(), verdict});
            output_open_ = true;
        }
        Outgoing& out = outgoing_.back();
        out.data.insert(out.data.end(), beat.data, beat.data + size);
        if (beat.last) output_open_ = false;
    }

    // Delivers the oldest frame when both its result and its bytes are there.
    bool finish() {
        if (verdicts_.empty() || (at_ && inside_.size() == 1)) return false;
        const Result result = verdicts_.front();
        Outgoing out;
        if (result.verdict > kBroadcast)
            throw SimulationFault(describe() + " has the unknown verdict " + std::to_string(result.verdict));
        if (result.sent()) {
            if (outgoing_.empty() || (outgoing_.size() == 1 && output_open_)) return false;
            out = std::move(outgoing_.front());
            outgoing_.pop_front();
            if (out.data.size() != result.length || out.verdict != result.verdict)
                throw SimulationFault(describe() + ": its result (verdict " + std::to_string(result.verdict) + ", " +
                                      std::to_string(result.length) + " bytes) and its bytes out (verdict " +
                                      std::to_string(out.verdict) + ", " + std::to_string(out.data.size()) +
                                      " bytes) differ");
        }
        verdicts_.pop_front();
        results_.add(inside_.front(), result, out.data);
        if (ports_.used()) note(inside_.front(), result, out.data);
        spare_.push_back(std::move(inside_.front().data));
        if (result.sent()) spare_.push_back(std::move(out.data));
        inside_.pop_front();
        return true;
    }

    // A frame for the next report: index, verdict, redirect target, first beat in, end, latency, bytes out.
    void note(const Frame& frame, const Result& result, const std::vector<uint8_t>& out) {
        if (!stepped_.empty()) stepped_ += ", ";
        stepped_ += "[" + std::to_string(frame.index) + ", " + std::to_string(result.verdict) + ", " +
                    std::to_string(result.redirect) + ", " + std::to_string(frame.started) + ", " +
                    std::to_string(cycle_) + ", " + std::to_string(result.latency_first) + ", \"";
        append_hex(stepped_, out);
        stepped_ += "\"]";
    }

    std::string describe() const { return "packet " + std::to_string(inside_.front().index + 1); }

    SimulationFault stuck() const {
        const std::string where = inside_.empty() ? "the input is not ready" : describe() + " does not come out";
        return SimulationFault("the datapath stands still for " + std::to_string(patience_) + " cycles: " + where);
    }
};

std::string json_string(const std::string& text) {
    std::string quoted = "\"";
    for (const char c : text) {
        char escaped[8];
        if (c == '"' || c == '\\') (quoted += '\\') += c;
        else if (static_cast<unsigned char>(c) < 0x20) {
            std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
            quoted += escaped;
        } else quoted += c;
    }
    return quoted + "\"";
}

Frame parse_frame(std::istringstream& words, uint64_t& cycle) {
    Frame frame;
    std::string hex;
    uint32_t ifindex = 0;
    words >> ifindex >> frame.queue >> cycle >> frame.time_ns >> hex;
    frame.interface = ifindex - 1;
    frame.data.resize(hex.size() / 2);
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    for (size_t i = 0; i < frame.data.size(); i++)
        frame.data[i] = static_cast<uint8_t>(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    return frame;
}

void serve(Simulation& simulation, Commands& commands) {
    std::string line;
    while (commands.next(line)) {
        std::istringstream words(line);
        std::string command;
        uint64_t first = 0, second = 0;
        words >> command;
        if (command == "f") {
            Frame frame = parse_frame(words, first);
            simulation.arrive(first, std::move(frame));
        } else {
            words >> first >> second;
            if (command == "w") simulation.write(static_cast<uint32_t>(first), static_cast<uint32_t>(second));
            else if (command == "r") std::cout << simulation.read(static_cast<uint32_t>(first)) << '\n';
            else if (command == "run") std::cout << simulation.run() << '\n';
            else if (command == "port") simulation.port(static_cast<uint32_t>(first), second);
            else if (command == "step") std::cout << simulation.step(first) << '\n';
            else if (command == "drain") std::cout << simulation.drain() << '\n';
            else if (command != "stop") return;  // that of a run which has ended by itself
        }
        if (!commands.has_line()) std::cout.flush();
    }
}

}  // namespace hardpath

int main(int argc, char** argv) {
    std::signal(SIGINT, SIG_IGN);  // Ctrl-C is for the parent, which ends this one in its own way
    std::ios::sync_with_stdio(false);
    const auto report = [](const char* kind, const std::string& message) {
        std::cout << "{\"error\": \"" << kind << "\", \"message\": " << hardpath::json_string(message) << "}" << std::endl;
        return 1;
    };
    try {
        const hardpath::Options options(argc, argv);
        hardpath::Commands commands;
        hardpath::Simulation simulation(options, commands);
        hardpath::serve(simulation, commands);
        return 0;
    } catch (const hardpath::InputFault& fault) {
        return report("input", fault.what());
    } catch (const hardpath::SimulationFault& fault) {
        return report("simulation", fault.what());
    }
}
