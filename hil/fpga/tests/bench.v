// The FPGA with a clock of its own; cocotb drives the rest. A tick is 2 ns, so that time counts ticks.
`timescale 1ns / 1ns
`default_nettype none

module bench;
    parameter DIVISOR = 12;
    parameter [31:0] CLOCK_HZ = 32'd12_000_000;
    parameter [31:0] BUILD = 32'd0;
    parameter LOG_BITS = 9;
    parameter [47:0] FIRST_TICK = 48'd0;
    parameter [15:0] COUNT_MAX = 16'hFFFF;

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
endmodule

`default_nettype wire
