// A stand-in for the datapath with the same ports (docs/architecture.md, "Datapath"): a store-and-forward echo.
//
// Byte 0 of a frame chooses the verdict (its low three bits; more than 4 means aborted) and byte 1 the redirect target
// (plus 100). A transmitted frame has byte 0 inverted. The bus has 256 words of memory and, at 0x1000, the number of
// frames; at 0x1001, the cycles in which the input had to wait. Every bus transfer takes two cycles.
// A number written to 0x1002 breaks it on purpose: see the uses of `fault`.
module hardpath #(
    parameter W = `WIDTH
) (
    input clk, input rst,
    input [8*W-1:0] rx_data, input [W-1:0] rx_keep, input rx_last, input rx_error,
    input [31:0] rx_ifindex, input [31:0] rx_queue, input [63:0] rx_time, input rx_valid, output rx_ready,
    output reg [8*W-1:0] tx_data, output [W-1:0] tx_keep, output tx_last,
    output [2:0] tx_verdict, output [31:0] tx_redirect, output tx_valid, input tx_ready,
    output reg result_valid, output reg [2:0] result_verdict, output reg [31:0] result_redirect,
    output reg [15:0] result_length, output reg [31:0] result_latency_first, output reg [31:0] result_latency_last,
    input [15:0] bus_address, input bus_write, input [31:0] bus_wdata, input bus_valid,
    output reg [31:0] bus_rdata, output reg bus_ready
);
    localparam BEATS = 1024, FRAMES = 256;

    reg [31:0] now;
    reg [9*W:0] beats [0:BEATS-1];         // {last, keep, data}
    reg [10:0] beat_write, beat_read;
    reg [2:0] verdicts [0:FRAMES-1];
    reg [31:0] redirects [0:FRAMES-1];
    reg [15:0] lengths [0:FRAMES-1];
    reg [31:0] starts [0:FRAMES-1];
    reg [10:0] ends [0:FRAMES-1];
    reg [8:0] frame_write, frame_read;
    reg in_frame, sending;
    reg [15:0] length;
    reg [31:0] start, first_out, frame_count, wait_count;
    reg [2:0] verdict;
    reg [31:0] redirect;
    reg [31:0] memory [0:255];

    reg [2:0] fault;
    localparam STUCK_OUTPUT = 1, STUCK_INPUT = 2, LENGTH = 3, VERDICT = 4, HOLE = 5, EXTRA_RESULT = 6, DEAD_BUS = 7;

    wire [10:0] beat_level = beat_write - beat_read;
    wire [8:0] frame_level = frame_write - frame_read;
    assign rx_ready = fault != STUCK_INPUT && beat_level < BEATS && frame_level < FRAMES;

    integer i;
    reg [15:0] kept;
    always @* begin
        kept = 0;
        for (i = 0; i < W; i = i + 1) kept = kept + {15'd0, rx_keep[i]};
    end
    wire [2:0] choice = rx_data[2:0] > 4 ? 3'd0 : rx_data[2:0];
    wire [2:0] verdict_now = in_frame ? verdict : choice;
    wire [31:0] redirect_now = in_frame ? redirect : 32'd100 + {24'd0, rx_data[15:8]};
    wire [15:0] length_now = (in_frame ? length : 16'd0) + kept;

    wire [7:0] head = frame_read[7:0];
    wire waiting = frame_level != 0;
    wire sends = verdicts[head] >= 2;
    wire [9*W:0] beat = beats[beat_read[9:0]];
    assign tx_valid = waiting && sends && fault != STUCK_OUTPUT;
    assign tx_keep = beat[9*W-1:8*W] ^ (fault == HOLE ? 2 : 0);
    assign tx_last = beat[9*W];
    assign tx_verdict = fault == VERDICT ? 3'd3 : verdicts[head];
    assign tx_redirect = redirects[head];
    always @* begin
        tx_data = beat[8*W-1:0];
        if (!sending && tx_verdict == 3) tx_data[7:0] = ~tx_data[7:0];
    end

    always @(posedge clk) begin
        now <= now + 1;
        result_valid <= fault == EXTRA_RESULT;
        if (rx_valid && rx_ready) begin
            beats[beat_write[9:0]] <= {rx_last, rx_keep, rx_data};
            beat_write <= beat_write + 1;
            in_frame <= !rx_last;
            length <= length_now;
            verdict <= verdict_now;
            redirect <= redirect_now;
            if (!in_frame) start <= now;
            if (rx_last) begin
                verdicts[frame_write[7:0]] <= verdict_now;
                redirects[frame_write[7:0]] <= redirect_now;
                lengths[frame_write[7:0]] <= length_now;
                starts[frame_write[7:0]] <= in_frame ? start : now;
                ends[frame_write[7:0]] <= beat_write + 11'd1;
                frame_write <= frame_write + 1;
                frame_count <= frame_count + 1;
            end
        end
        if (rx_valid && !rx_ready) wait_count <= wait_count + 1;
        if (waiting && (!sends || (tx_valid && tx_ready && tx_last))) begin
            result_valid <= 1;
            result_verdict <= verdicts[head];
            result_redirect <= redirects[head];
            result_length <= lengths[head] + (fault == LENGTH ? 16'd1 : 16'd0);
            result_latency_first <= (sends && sending ? first_out : now) - starts[head];
            result_latency_last <= now - starts[head];
            frame_read <= frame_read + 1;
            beat_read <= ends[head];
            sending <= 0;
        end else if (tx_valid && tx_ready) begin
            if (!sending) first_out <= now;
            sending <= 1;
            beat_read <= beat_read + 1;
        end
        bus_ready <= bus_valid && !bus_ready && fault != DEAD_BUS;
        if (bus_valid && !bus_ready) begin
            if (bus_write && bus_address == 16'h1002) fault <= bus_wdata[2:0];
            if (bus_write && bus_address < 256) memory[bus_address[7:0]] <= bus_wdata;
            bus_rdata <= bus_address == 16'h1000 ? frame_count
                : bus_address == 16'h1001 ? wait_count : memory[bus_address[7:0]];
        end
        if (rst) begin
            now <= 0; beat_write <= 0; beat_read <= 0; frame_write <= 0; frame_read <= 0;
            fault <= 0; in_frame <= 0; sending <= 0; frame_count <= 0; result_verdict <= 0; result_redirect <= 0;
            result_length <= 0; result_latency_first <= 0; result_latency_last <= 0; wait_count <= 0; bus_ready <= 0; result_valid <= 0;
        end
    end
endmodule
