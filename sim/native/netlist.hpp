// The netlist as the harness sees it: plain values, whatever types Verilator gives to ports. Only netlist.cpp is
// compiled anew for another netlist.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace hardpath {

constexpr size_t kMaxWidth = 128;  // bytes a beat
constexpr uint32_t kBroadcast = 5;  // the verdict of a redirect to several interfaces (hdl/verdicts.py)

struct Beat {
    uint8_t data[kMaxWidth];
    uint8_t keep[kMaxWidth / 8];
    bool last;
};

// The ports of docs/architecture.md, "Datapath". Set the inputs, settle, look at the outputs, clock.
class Netlist {
  public:
    virtual ~Netlist() = default;

    bool rst = false, rx_valid = false, tx_ready = false, bus_valid = false, bus_write = false;
    uint32_t bus_address = 0, bus_wdata = 0;
    // What goes with rx_valid.
    virtual void drive(const Beat& beat) = 0;
    virtual void drive_metadata(uint32_t ifindex, uint32_t queue, uint64_t time_ns) = 0;

    bool rx_ready = false, tx_valid = false, result_valid = false, bus_ready = false;
    // What goes with tx_valid, result_valid and bus_ready.
    virtual void take(Beat& beat, uint32_t& verdict) const = 0;
    struct Result {
        uint32_t verdict = 0, redirect = 0, length = 0, latency_first = 0, latency_last = 0;
        bool sent() const { return verdict >= 2; }
        bool redirected() const { return verdict >= 4; }
        // Where to: a number, or for a broadcast the numbers of all interfaces whose bit is set.
        std::string targets(const char* none) const {
            if (verdict != kBroadcast) return std::to_string(redirect);
            std::string text;
            for (int bit = 0; bit < 32; bit++)
                if (redirect >> bit & 1) text += (text.empty() ? "" : ", ") + std::to_string(bit);
            return text.empty() ? none : text;
        }
    };
    virtual Result result() const = 0;
    virtual uint32_t bus_rdata() const = 0;
    // An event of the program; netlists of programs without events never have one.
    bool event_valid = false;
    struct Event {
        uint32_t site = 0, frame = 0;
        std::vector<uint8_t> data;
    };
    virtual Event event() const = 0;

    virtual size_t width() const = 0;

    // Settles the outputs for the inputs as they are, before the clock edge.
    virtual void settle() = 0;
    // The clock edge.
    virtual void edge() = 0;

    // `waves`: a file for the waveform, or empty.
    static std::unique_ptr<Netlist> create(const std::string& waves, uint64_t period_ps);
};

}  // namespace hardpath
