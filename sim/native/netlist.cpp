// The Verilated model behind netlist.hpp.

#include "netlist.hpp"

#include <cstring>

#include "Vhardpath.h"
#include "verilated.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
using Tracer = VerilatedFstC;
#elif VM_TRACE_VCD
#include "verilated_vcd_c.h"
using Tracer = VerilatedVcdC;
#endif

namespace hardpath {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ports are filled as memory");

// All port types (CData to QData, VlWide) keep bit i of the port in bit i%8 of byte i/8.
class Model final : public Netlist {
  public:
    Model(const std::string& waves, uint64_t period_ps) : half_ps_(period_ps / 2), top_(&context_) {
        top_.rx_error = 0;
#if HARDPATH_EVENT
        top_.event_ready = 1;
#endif
#if VM_TRACE
        context_.timeunit(-12);
        context_.timeprecision(-12);
        if (!waves.empty()) {
            context_.traceEverOn(true);
            tracer_ = std::make_unique<Tracer>();
            top_.trace(tracer_.get(), 99);
            tracer_->open(waves.c_str());
        }
#endif
    }
    ~Model() override {
#if VM_TRACE
        if (tracer_) tracer_->close();
#endif
        top_.final();
    }

    size_t width() const override { return HARDPATH_WIDTH; }

    void drive(const Beat& beat) override {
        std::memcpy(&top_.rx_data, beat.data, HARDPATH_WIDTH);
        std::memcpy(&top_.rx_keep, beat.keep, HARDPATH_WIDTH / 8);
        top_.rx_last = beat.last;
    }
    void drive_metadata(uint32_t ifindex, uint32_t queue, uint64_t time_ns) override {
        top_.rx_ifindex = ifindex;
        top_.rx_queue = queue;
        top_.rx_time = time_ns;
    }
    void take(Beat& beat, uint32_t& verdict) const override {
        std::memcpy(beat.data, &top_.tx_data, HARDPATH_WIDTH);
        std::memcpy(beat.keep, &top_.tx_keep, HARDPATH_WIDTH / 8);
        beat.last = top_.tx_last;
        verdict = top_.tx_verdict;
    }
    Result result() const override {
        return {top_.result_verdict, top_.result_redirect, top_.result_length, top_.result_latency_first,
                top_.result_latency_last};
    }
    Event event() const override {
        Event event;
#if HARDPATH_EVENT
        event.site = top_.event_site;
        event.frame = top_.event_frame;
        event.data.resize(HARDPATH_EVENT);
        std::memcpy(event.data.data(), &top_.event_data, HARDPATH_EVENT);
#endif
        return event;
    }
    uint32_t bus_rdata() const override { return top_.bus_rdata; }

    void settle() override {
        top_.rst = rst;
        top_.rx_valid = rx_valid;
        top_.tx_ready = tx_ready;
        top_.bus_valid = bus_valid;
        top_.bus_write = bus_write;
        top_.bus_address = bus_address;
        top_.bus_wdata = bus_wdata;
        top_.clk = 0;
        top_.eval();
        dump();
        rx_ready = top_.rx_ready;
        tx_valid = top_.tx_valid;
        result_valid = top_.result_valid;
        bus_ready = top_.bus_ready;
#if HARDPATH_EVENT
        event_valid = top_.event_valid;
#endif
    }
    void edge() override {
        top_.clk = 1;
        top_.eval();
        dump();
    }

  private:
    VerilatedContext context_;
    uint64_t half_ps_;
    Vhardpath top_;
#if VM_TRACE
    std::unique_ptr<Tracer> tracer_;
#endif

    void dump() {
#if VM_TRACE
        if (tracer_) {
            tracer_->dump(context_.time());
            context_.timeInc(half_ps_);
        }
#endif
    }
};

std::unique_ptr<Netlist> Netlist::create(const std::string& waves, uint64_t period_ps) {
    return std::make_unique<Model>(waves, period_ps);
}

}  // namespace hardpath
