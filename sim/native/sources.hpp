// Where the frames that enter the datapath come from: a capture with a pace, or the receive queues of ports.
// The twins of both are in sim/driver.py and sim/ports.py.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "capture.hpp"
#include "fault.hpp"
#include "options.hpp"
#include "results.hpp"
#include "timing.hpp"

namespace hardpath {

constexpr uint64_t kLongestFrame = 16384;  // hdl/frame_sizes.py

class Source {
  public:
    virtual ~Source() = default;
    // What comes about in this cycle before a frame is asked for; once a cycle.
    virtual void begin_cycle(uint64_t cycle) = 0;
    // Moves the next frame out if one may start in this cycle. `frame` brings a byte buffer to use again.
    virtual bool take(uint64_t cycle, Frame& frame) = 0;
    // The last beat of the frame taken last was accepted.
    virtual void accepted() = 0;
    // There will be no frame any more.
    virtual bool done() const = 0;
};

// A whole capture, at the pace asked for.
class CaptureSource final : public Source {
  public:
    explicit CaptureSource(const Options& options)
        : reader_(options.text("input"), options.text("name")),
          pace_(options),
          max_frame_(options.number("max_frame")),
          skip_bad_(options.number("skip_bad")),
          pipe_(options.text("input").rfind("/dev/fd/", 0) == 0) {
        advance();
    }

    void begin_cycle(uint64_t) override {}
    bool take(uint64_t cycle, Frame& frame) override {
        if (!there_ || cycle < start_) return false;
        frame.index = read_ - 1;
        frame.time_ns = packet_.time_ns;
        frame.interface = packet_.interface;
        frame.queue = packet_.queue;
        frame.data.swap(packet_.data);
        advance();
        return true;
    }
    void accepted() override {}
    bool done() const override { return !there_; }
    // Ends the input here. What comes through a pipe is read to its end, so that nobody waits to write it.
    void stop() {
        if (pipe_)
            while (there_) there_ = reader_.next(packet_);
        there_ = false;
    }
    uint64_t skipped() const { return skipped_; }

  private:
    CaptureReader reader_;
    Pace pace_;
    uint64_t max_frame_;
    bool skip_bad_, pipe_;
    Packet packet_;  // the next frame, if it is there
    bool there_ = false;
    uint64_t start_ = 0, read_ = 0, skipped_ = 0;

    // Reads on to the next frame that fits.
    void advance() {
        while ((there_ = reader_.next(packet_))) {
            const uint64_t size = packet_.data.size();
            read_++;
            if (size >= 14 && size <= max_frame_) {
                start_ = pace_.start(size);
                return;
            }
            if (!skip_bad_)
                throw InputFault(reader_.name() + ": packet " + std::to_string(read_) + ": " + std::to_string(size) +
                                 " bytes, but a frame has 14 to " + std::to_string(max_frame_) + ": " +
                                 (size > max_frame_ && size <= kLongestFrame
                                      ? "take longer frames with --max-frame " + std::to_string(size) + ", or "
                                      : "") +
                                 "leave such packets out with --skip-bad");
            skipped_++;
        }
    }
};

// Ports with a receive queue each, served in turn, a frame at a time. What sim/ports.py says, it does.
class PortSource final : public Source {
  public:
    void add(uint32_t ifindex, uint64_t bytes) { ports_.push_back({ifindex, bytes, 0, {}}); }
    bool used() const { return !ports_.empty(); }

    // A frame is complete in its port's receiver at `cycle`. Its index is counted here.
    void arrive(uint64_t cycle, Frame frame) {
        if (!arrivals_.empty() && cycle < arrivals_.back().cycle)
            throw SimulationFault("frames arrive out of order: cycle " + std::to_string(cycle));
        frame.index = count_++;
        arrivals_.push_back({cycle, port_of(frame), std::move(frame)});
    }

    void begin_cycle(uint64_t cycle) override {
        while (!arrivals_.empty() && arrivals_.front().cycle <= cycle) {
            Arrival& arrival = arrivals_.front();
            Port& port = ports_[arrival.port];
            if (port.used + arrival.frame.data.size() > port.bytes) {
                lost_.push_back(arrival.frame.index);
            } else {
                port.used += arrival.frame.data.size();
                port.queue.push_back(std::move(arrival.frame));
                queued_++;
            }
            arrivals_.pop_front();
        }
    }
    bool take(uint64_t, Frame& frame) override {
        if (!queued_) return false;
        while (ports_[turn_].queue.empty()) turn_ = (turn_ + 1) % ports_.size();
        Port& port = ports_[turn_];
        frame = std::move(port.queue.front());
        port.queue.pop_front();
        queued_--;
        reading_ = turn_;
        reading_size_ = frame.data.size();
        turn_ = (turn_ + 1) % ports_.size();
        return true;
    }
    void accepted() override { ports_[reading_].used -= reading_size_; }
    bool done() const override { return !queued_ && arrivals_.empty(); }

    // The cycle of the next arrival, or `otherwise`.
    uint64_t next_arrival(uint64_t otherwise) const {
        return arrivals_.empty() ? otherwise : std::min(otherwise, arrivals_.front().cycle);
    }
    bool empty() const { return !queued_; }
    // Frames for which there was no room, since the last call.
    std::vector<uint64_t> lost() { return std::exchange(lost_, {}); }

  private:
    struct Port {
        uint32_t ifindex;
        uint64_t bytes, used;  // used: by frames whose last beat has not been accepted
        std::deque<Frame> queue;
    };
    struct Arrival {
        uint64_t cycle;
        size_t port;
        Frame frame;
    };
    std::vector<Port> ports_;
    std::deque<Arrival> arrivals_;
    std::vector<uint64_t> lost_;
    uint64_t count_ = 0, queued_ = 0, reading_size_ = 0;
    size_t turn_ = 0, reading_ = 0;

    size_t port_of(const Frame& frame) const {
        for (size_t i = 0; i < ports_.size(); i++)
            if (ports_[i].ifindex == frame.interface + 1) return i;
        throw SimulationFault("there is no port " + std::to_string(frame.interface + 1));
    }
};

}  // namespace hardpath
