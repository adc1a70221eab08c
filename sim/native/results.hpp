// What becomes of the frames: lines of JSON, an annotated capture, and the figures of the run.
// The twin of `Results` in sim/driver.py; a test holds their files against each other.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "netlist.hpp"
#include "pcapng_writer.hpp"
#include "timeline.hpp"

namespace hardpath {

// A frame on its way through the datapath.
struct Frame {
    uint64_t index = 0;  // position in the input, from 0
    uint64_t time_ns = 0;
    uint64_t started = 0;  // cycle in which the first beat was accepted
    uint32_t interface = 0, queue = 0;
    std::vector<uint8_t> data;
};

inline void append_hex(std::string& text, const std::vector<uint8_t>& bytes) {
    static const char digits[] = "0123456789abcdef";
    const size_t at = text.size();
    text.resize(at + 2 * bytes.size());
    for (size_t i = 0; i < bytes.size(); i++) {
        text[at + 2 * i] = digits[bytes[i] >> 4];
        text[at + 2 * i + 1] = digits[bytes[i] & 15];
    }
}

using Result = Netlist::Result;

// Frames by latency in cycles: exact, and as small as the number of different latencies.
class LatencyCount {
  public:
    void add(uint32_t cycles) {
        if (cycles < small_.size()) small_[cycles]++;
        else large_[cycles]++;
    }
    std::string json() const {
        std::string text = "[";
        const auto append = [&](uint64_t cycles, uint64_t count) {
            if (text.size() > 1) text += ", ";
            text += "[" + std::to_string(cycles) + ", " + std::to_string(count) + "]";
        };
        for (size_t i = 0; i < small_.size(); i++)
            if (small_[i]) append(i, small_[i]);
        for (const auto& [cycles, count] : large_) append(cycles, count);
        return text + "]";
    }

  private:
    std::vector<uint64_t> small_ = std::vector<uint64_t>(4096);
    std::map<uint32_t, uint64_t> large_;
};

class Results {
  public:
    Results(const std::string& frames_path, const std::string& capture_path, const std::string& events_path,
            uint64_t period_ps)
        : period_ps_(period_ps) {
        if (!events_path.empty()) events_ = std::make_unique<OutputFile>(events_path);
        if (!frames_path.empty()) lines_ = std::make_unique<OutputFile>(frames_path);
        if (!capture_path.empty()) capture_ = std::make_unique<PcapngWriter>(capture_path);
    }

    // `out`: the bytes that left the datapath, for frames that were sent.
    void add(const Frame& frame, const Result& result, const std::vector<uint8_t>& out) {
        count_++;
        first_[result.redirected() ? 4 : result.verdict].add(result.latency_first);
        last_.add(result.latency_last);
        timeline_.add(frame.started, result.latency_first);
        if (lines_) write_line(frame, result, out);
        if (capture_) write_packet(frame, result, result.sent() ? out : frame.data);
    }
    // `index`: of the frame that made it.
    void event(uint64_t index, const Netlist::Event& event) {
        if (!events_) return;
        line_ = "{\"frame\": " + std::to_string(index) + ", \"site\": " + std::to_string(event.site) + ", \"data\": \"";
        append_hex(line_, event.data);
        line_ += "\"}\n";
        events_->write(line_.data(), line_.size());
    }
    void flush() {
        if (events_) events_->flush();
        if (lines_) lines_->flush();
        if (capture_) capture_->flush();
    }

    std::string json() const {
        std::string text = "\"frames\": " + std::to_string(count_) + ", \"latency\": [";
        for (size_t i = 0; i < first_.size(); i++) text += (i ? ", " : "") + first_[i].json();
        return text + "], \"latency_last\": " + last_.json() + ", \"timeline\": " + timeline_.json();
    }
    uint64_t count() const { return count_; }

  private:
    uint64_t period_ps_, count_ = 0;
    std::array<LatencyCount, 5> first_;  // by verdict
    LatencyCount last_;
    Timeline timeline_;
    std::unique_ptr<OutputFile> lines_, events_;
    std::unique_ptr<PcapngWriter> capture_;
    std::string line_;

    // Nanoseconds with at most three decimals, as short as possible.
    std::string nanoseconds(uint32_t cycles) const {
        const uint64_t picoseconds = cycles * period_ps_;
        std::string text = std::to_string(picoseconds / 1000);
        uint64_t rest = picoseconds % 1000;
        if (rest) {
            char digits[8];
            std::snprintf(digits, sizeof digits, ".%03u", static_cast<unsigned>(rest));
            text += digits;
            while (text.back() == '0') text.pop_back();
        }
        return text;
    }

    void write_line(const Frame& frame, const Result& result, const std::vector<uint8_t>& out) {
        static const char* const names[] = {"XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT"};
        line_.clear();
        line_ += "{\"index\": ";
        line_ += std::to_string(frame.index);
        line_ += ", \"verdict\": \"";
        line_ += names[result.redirected() ? 4 : result.verdict];
        line_ += "\", \"out\": ";
        if (result.sent()) {
            line_ += '"';
            append_hex(line_, out);
            line_ += '"';
        } else {
            line_ += "null";
        }
        line_ += ", \"redirect\": ";
        if (result.verdict == kBroadcast) line_ += '[' + result.targets("") + ']';
        else line_ += result.redirected() ? result.targets("") : "null";
        line_ += ", \"latency_cycles\": ";
        line_ += std::to_string(result.latency_first);
        line_ += ", \"latency_ns\": ";
        line_ += nanoseconds(result.latency_first);
        line_ += "}\n";
        lines_->write(line_.data(), line_.size());
    }

    void write_packet(const Frame& frame, const Result& result, const std::vector<uint8_t>& bytes) {
        std::string comment = "latency " + std::to_string(result.latency_first) + " cycles, " +
                              nanoseconds(result.latency_first) + " ns";
        if (result.redirected()) comment += "; redirected to " + result.targets("nobody");
        capture_->write(bytes.data(), static_cast<uint32_t>(bytes.size()), frame.time_ns, frame.interface, frame.queue,
                        frame.index, result.redirected() ? 4 : result.verdict, comment);
    }
};

}  // namespace hardpath
