// The FPGA with a clock of its own, for the bridge: bytes of the host's line instead of its bits.
//
// cocotb puts bytes into `outgoing`, the first in the lowest eight bits, and turns `go`; `sending`
// says how long they take. Bytes of the FPGA stand in `incoming`, a ring of 256. With +inputs=FILE,
// lines of "tick levels", its inputs move so many ticks after output 3 has risen; a line with tick
// -1 waits until it rises again. A tick is 2 ns.
`timescale 1ns / 1ns
`default_nettype none

module bridge;
    parameter DIVISOR = 12;
    parameter [31:0] CLOCK_HZ = 32'd12_000_000;
    parameter [31:0] BUILD = 32'd0;
    parameter LOG_BITS = 9;
    parameter [47:0] FIRST_TICK = 48'd0;
    parameter [15:0] COUNT_MAX = 16'hFFFF;
    localparam A_BIT = 2 * DIVISOR;

    reg clk = 1'b0;
    reg reset_n = 1'b0;
    reg rx = 1'b1;
    reg [7:0] in = 8'd0;
    wire tx;
    wire [3:0] out;

    always #1 clk = !clk;

    rack_fpga #(
        .DIVISOR(DIVISOR), .CLOCK_HZ(CLOCK_HZ), .BUILD(BUILD), .LOG_BITS(LOG_BITS),
        .FIRST_TICK(FIRST_TICK), .COUNT_MAX(COUNT_MAX)
    ) fpga (.clk(clk), .reset_n(reset_n), .rx(rx), .in(in), .tx(tx), .out(out));

    reg [8*256-1:0] outgoing = 0;
    reg [15:0] outgoing_bytes = 0;
    reg go = 1'b0;
    reg sending = 1'b0;
    reg [9:0] bits;
    integer byte_at;

    always @(go) begin
        sending = 1'b1;
        for (byte_at = 0; byte_at < outgoing_bytes; byte_at = byte_at + 1) begin
            bits = {1'b1, outgoing[8 * byte_at +: 8], 1'b0};
            repeat (10) begin
                rx = bits[0];
                bits = bits >> 1;
                #(A_BIT);
            end
        end
        sending = 1'b0;
    end

    reg [8*256-1:0] incoming = 0;
    reg [31:0] incoming_bytes = 0;
    reg misframed = 1'b0;
    reg [7:0] heard;
    integer bit_at;

    always @(negedge tx) begin
        #(DIVISOR);
        for (bit_at = 0; bit_at < 8; bit_at = bit_at + 1) begin
            #(A_BIT);
            heard[bit_at] = tx;
        end
        #(A_BIT);
        if (!tx) misframed = 1'b1;
        incoming[8 * (incoming_bytes % 256) +: 8] = heard;
        incoming_bytes = incoming_bytes + 1;
    end

    reg [8*256-1:0] inputs_name;
    reg [7:0] levels;
    integer inputs, after, before;

    initial if ($value$plusargs("inputs=%s", inputs_name)) begin
        inputs = $fopen(inputs_name, "r");
        while ($fscanf(inputs, "%d %h", after, levels) == 2)
            if (after < 0) begin
                @(posedge out[3]);
                #1 before = 0;  // pins change in the middle of a tick
            end else begin
                #(2 * (after - before));
                in = levels;
                before = after;
            end
    end
endmodule

`default_nettype wire
