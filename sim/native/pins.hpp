// The netlist's ports, whatever type Verilator gives them at this width, and its clock.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

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
template <typename Port>
inline void set_bytes(Port& port, const uint8_t* bytes, size_t size) {
    std::memcpy(&port, bytes, size);
}
template <typename Port>
inline void get_bytes(uint8_t* bytes, const Port& port, size_t size) {
    std::memcpy(bytes, &port, size);
}

class Netlist {
  public:
    explicit Netlist(const std::string& waves, uint64_t period_ps) : half_ps_(period_ps / 2), top_(&context_) {
        (void)waves;
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
    ~Netlist() {
#if VM_TRACE
        if (tracer_) tracer_->close();
#endif
        top_.final();
    }

    Vhardpath& pins() { return top_; }

    // Settles the outputs for the inputs as they are, before the clock edge.
    void settle() {
        top_.clk = 0;
        top_.eval();
        dump();
    }
    // The clock edge.
    void edge() {
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

}  // namespace hardpath
