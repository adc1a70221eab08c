// Runs the netlist: a loop over commands on standard input, one line of JSON for each answer.
//
//   w ADDRESS DATA   write a word on the control bus (no answer)
//   r ADDRESS        read a word: the number
//   run              send the whole input through: the figures of the run
//   quit
//
// A fault is answered by {"error": kind, "message": text} and ends the program.
// What happens in which cycle is told in sim/driver.py; here it is made fast.

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "capture.hpp"
#include "fault.hpp"
#include "netlist.hpp"
#include "options.hpp"
#include "results.hpp"
#include "timing.hpp"

namespace hardpath {

class Simulation {
  public:
    explicit Simulation(const Options& options)
        : options_(options),
          netlist_(Netlist::create(options.text("waves"), options.number("period_ps"))),
          pins_(*netlist_),
          width_(pins_.width()),
          results_(options.text("frames_out"), options.text("capture_out"), options.text("events_out"),
                   options.number("period_ps")),
          pace_(options),
          offer_(options.number("offer"), options.number("offer_seed")),
          take_(options.number("take"), options.number("take_seed")),
          max_frame_(options.number("max_frame")),
          patience_(options.number("patience")),
          skip_bad_(options.number("skip_bad")) {
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
        CaptureReader reader(options_.text("input"), options_.text("name"));
        uint64_t quiet = 0;
        begin(reader);
        while (sending_ || !inside_.empty()) {
            const bool waits_for_pace = sending_ && !offering_ && cycle_ < start_;
            if (offer_.toss() && sending_ && !waits_for_pace) offering_ = true;
            if (offering_) drive_beat();
            pins_.rx_valid = offering_;
            pins_.tx_ready = take_.toss();
            pins_.settle();
            const bool accepted = offering_ && pins_.rx_ready;
            const bool moved = collect();
            pins_.edge();
            if (accepted) advance(reader);
            quiet = accepted || moved || (waits_for_pace && inside_.empty()) ? 0 : quiet + 1;
            if (quiet > patience_) throw stuck();
            cycle_++;
        }
        pins_.rx_valid = false;
        pins_.tx_ready = true;
        results_.flush();
        return "{" + results_.json() + ", \"skipped\": " + std::to_string(skipped_) +
               ", \"first_accepted\": " + std::to_string(first_accepted_) +
               ", \"last_accepted\": " + std::to_string(last_accepted_) +
               ", \"last_result\": " + std::to_string(last_result_) + "}";
    }

  private:
    struct Outgoing {
        std::vector<uint8_t> data;
        uint32_t verdict = 0;
    };

    const Options& options_;
    std::unique_ptr<Netlist> netlist_;
    Netlist& pins_;
    size_t width_;
    Results results_;
    Pace pace_;
    Coin offer_, take_;
    uint64_t max_frame_, patience_;
    bool skip_bad_;

    uint64_t cycle_ = 0, start_ = 0, read_ = 0, skipped_ = 0;
    uint64_t first_accepted_ = 0, last_accepted_ = 0, last_result_ = 0;
    Frame frame_;              // being sent
    bool sending_ = false;     // frame_ is there
    bool offering_ = false;    // its beat at `at_` is on the pins and must stay there until taken
    bool driven_ = false;
    size_t at_ = 0;
    Packet packet_;
    std::deque<Frame> inside_;     // accepted at least in part, no result yet
    std::deque<Result> verdicts_;  // results whose bytes are still coming out
    std::deque<Outgoing> outgoing_;  // frames out, complete but for the last
    bool output_open_ = false;
    std::vector<std::vector<uint8_t>> spare_;  // byte buffers to use again

    void clock() {
        pins_.settle();
        pins_.edge();
    }

    uint32_t transfer(uint32_t address, bool write, uint32_t data) {
        pins_.bus_address = address;
        pins_.bus_write = write;
        pins_.bus_wdata = data;
        pins_.bus_valid = true;
        for (uint64_t waited = 0; waited <= patience_; waited++) {
            pins_.settle();
            const bool ready = pins_.bus_ready;
            const uint32_t answer = pins_.bus_rdata();
            pins_.edge();
            if (ready) {
                pins_.bus_valid = false;
                return answer;
            }
        }
        throw SimulationFault("the control bus did not answer at address " + std::to_string(address) + " within " +
                              std::to_string(patience_) + " cycles");
    }

    std::vector<uint8_t> spare() {
        if (spare_.empty()) return {};
        std::vector<uint8_t> buffer = std::move(spare_.back());
        spare_.pop_back();
        buffer.clear();
        return buffer;
    }

    // Takes the next frame that fits from the input.
    void begin(CaptureReader& reader) {
        sending_ = false;
        while (reader.next(packet_)) {
            const uint64_t index = read_++, size = packet_.data.size();
            if (size < 14 || size > max_frame_) {
                if (!skip_bad_)
                    throw InputFault(reader.name() + ": packet " + std::to_string(index + 1) + ": " +
                                     std::to_string(size) + " bytes, but a frame has 14 to " +
                                     std::to_string(max_frame_) + ": leave such packets out with --skip-bad");
                skipped_++;
                continue;
            }
            frame_.index = index;
            frame_.time_ns = packet_.time_ns;
            frame_.interface = packet_.interface;
            frame_.queue = packet_.queue;
            frame_.data = spare();
            frame_.data.swap(packet_.data);
            at_ = 0;
            start_ = pace_.start(size);
            sending_ = true;
            return;
        }
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
    void advance(CaptureReader& reader) {
        if (at_ == 0) {
            if (inside_.empty() && results_.count() == 0) first_accepted_ = cycle_;
            last_accepted_ = cycle_;
            inside_.push_back(std::move(frame_));
        }
        at_ += width_;
        offering_ = driven_ = false;
        if (at_ >= inside_.back().data.size()) begin(reader);
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
        if (verdicts_.empty() || (sending_ && at_ && inside_.size() == 1)) return false;
        const Result result = verdicts_.front();
        Outgoing out;
        if (result.verdict > 4)
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
        spare_.push_back(std::move(inside_.front().data));
        if (result.sent()) spare_.push_back(std::move(out.data));
        inside_.pop_front();
        return true;
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

void serve(Simulation& simulation) {
    std::string line;
    while (std::getline(std::cin, line)) {
        uint32_t address, data;
        if (std::sscanf(line.c_str(), "w %" SCNu32 " %" SCNu32, &address, &data) == 2) simulation.write(address, data);
        else if (std::sscanf(line.c_str(), "r %" SCNu32, &address) == 1) std::cout << simulation.read(address) << '\n';
        else if (line == "run") std::cout << simulation.run() << '\n';
        else return;
        if (std::cin.rdbuf()->in_avail() <= 0) std::cout.flush();  // answers to a batch leave together
    }
}

}  // namespace hardpath

int main(int argc, char** argv) {
    std::ios::sync_with_stdio(false);
    std::cin.tie(nullptr);
    const auto report = [](const char* kind, const std::string& message) {
        std::cout << "{\"error\": \"" << kind << "\", \"message\": " << hardpath::json_string(message) << "}" << std::endl;
        return 1;
    };
    try {
        const hardpath::Options options(argc, argv);
        hardpath::Simulation simulation(options);
        hardpath::serve(simulation);
        return 0;
    } catch (const hardpath::InputFault& fault) {
        return report("input", fault.what());
    } catch (const hardpath::SimulationFault& fault) {
        return report("simulation", fault.what());
    }
}
