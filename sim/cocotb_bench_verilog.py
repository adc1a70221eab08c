"""Verilog around the netlist for the cocotb engine: few wide signals, so that Python has little to touch each cycle."""

from __future__ import annotations

ACCEPTED, SENT, RESULT, TRANSFERRED, EVENT = 1, 2, 4, 8, 16  # bits of ``events``: what happened at the last clock edge
VPI = "/*verilator public_flat_rw*/"  # for these signals and no others: the netlist stays optimised


def bench_verilog(width: int, event_bytes: int = 0) -> str:
    """The module ``bench``: the netlist with its ports gathered into a few vectors, outputs sampled at the edge.

    ``event_bytes``: of port ``event_data``, 0 if the netlist has no events.
    """
    event = 48 + 8 * event_bytes
    ports = (
        f""",
        .event_site(event_now[15:0]), .event_frame(event_now[47:16]), .event_data(event_now[{event - 1}:48]),
        .event_last(), .event_valid(event_valid), .event_ready(1'b1)"""
        if event_bytes
        else ""
    )
    rx, tx = 9 * width + 1, 9 * width + 1
    return f"""
module bench (
    input clk {VPI}, input rst {VPI}, input [{rx + 128}:0] rx {VPI}, input take {VPI}, input [49:0] bus {VPI},
    output reg [4:0] events {VPI}, output reg [{tx + 2}:0] tx {VPI}, output reg [114:0] result {VPI},
    output reg [31:0] bus_rdata {VPI}, output reg [{event - 1}:0] event_out {VPI}
);
    wire rx_ready, tx_valid, tx_last, result_valid, bus_ready;
    wire [{8 * width - 1}:0] tx_data;
    wire [{width - 1}:0] tx_keep;
    wire [2:0] tx_verdict, result_verdict;
    wire [31:0] tx_redirect, result_redirect, latency_first, latency_last, rdata;
    wire [15:0] result_length;
    wire event_valid;
    wire [{event - 1}:0] event_now;
    {"" if event_bytes else "assign event_valid = 1'b0, event_now = 0;"}
    hardpath dut (
        .clk(clk), .rst(rst),
        .rx_data(rx[{8 * width - 1}:0]), .rx_keep(rx[{9 * width - 1}:{8 * width}]), .rx_last(rx[{9 * width}]),
        .rx_error(1'b0), .rx_ifindex(rx[{rx + 31}:{rx}]), .rx_queue(rx[{rx + 63}:{rx + 32}]),
        .rx_time(rx[{rx + 127}:{rx + 64}]), .rx_valid(rx[{rx + 128}]), .rx_ready(rx_ready),
        .tx_data(tx_data), .tx_keep(tx_keep), .tx_last(tx_last), .tx_verdict(tx_verdict),
        .tx_redirect(tx_redirect), .tx_valid(tx_valid), .tx_ready(take),
        .result_valid(result_valid), .result_verdict(result_verdict), .result_redirect(result_redirect),
        .result_length(result_length), .result_latency_first(latency_first), .result_latency_last(latency_last),
        .bus_wdata(bus[31:0]), .bus_address(bus[47:32]), .bus_write(bus[48]), .bus_valid(bus[49]),
        .bus_rdata(rdata), .bus_ready(bus_ready){ports}
    );
    always @(posedge clk) begin
        events <= {{event_valid, bus[49] && bus_ready, result_valid, tx_valid && take, rx[{rx + 128}] && rx_ready}};
        tx <= {{tx_verdict, tx_last, tx_keep, tx_data}};
        result <= {{latency_last, latency_first, result_length, result_redirect, result_verdict}};
        bus_rdata <= rdata;
        event_out <= event_now;
    end
endmodule
"""
