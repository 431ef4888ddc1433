// Plays stimuli to the pins of the FPGA and writes down what its output pins show, tick by tick.
//
// +plan=FILE holds a number of lines and then that many, for every stimulus:
//     tick  line  inputs  reset_n  whether to set the tick counter  to what
// (the last line only tells the end). +log=FILE gets "tick line outputs" for every change, between
// lines that begin with "stimulus".
`timescale 1ns / 1ns
`default_nettype none

module replay;
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

    rack_fpga #(
        .DIVISOR(DIVISOR), .CLOCK_HZ(CLOCK_HZ), .BUILD(BUILD), .LOG_BITS(LOG_BITS),
        .FIRST_TICK(FIRST_TICK), .COUNT_MAX(COUNT_MAX)
    ) fpga (.clk(clk), .reset_n(reset_n), .rx(rx), .in(in), .tx(tx), .out(out));

    // A clock in HDL: one in the simulator's guest language would take most of the time.
    always #1 clk = !clk;

    reg [8*256-1:0] plan_name, log_name;
    integer plan, log, lines, at, base, got, setting, number;
    reg [47:0] set_tick;
    reg [7:0] in_next;
    reg rx_next, reset_n_next, watching;

    // Pins change in the middle of a tick, registers at its beginning: tick n is from 2n - 1 to 2n + 1.
    always @(tx or out) if (watching) $fdisplay(log, "%0d %b %h", ($time + 1) / 2 - base, tx, out);

    initial begin
        watching = 1'b0;
        got = $value$plusargs("plan=%s", plan_name);
        got = $value$plusargs("log=%s", log_name);
        plan = $fopen(plan_name, "r");
        log = $fopen(log_name, "w");
        number = 0;
        while ($fscanf(plan, "%d", lines) == 1) begin
            // As after power-on, for those that are not the first.
            reset_n = 1'b0;
            #16 base = $time / 2;
            $fdisplay(log, "stimulus %0d", number);
            number = number + 1;
            while (lines > 0) begin
                got = $fscanf(plan, "%d %b %h %b %d %h",
                    at, rx_next, in_next, reset_n_next, setting, set_tick);
                if (base + at > $time / 2) #(2 * (base + at) - $time) ;
                rx = rx_next;
                in = in_next;
                reset_n = reset_n_next;
                if (setting) fpga.time_.now = set_tick;
                if (!watching) begin
                    #1 $fdisplay(log, "1 %b %h", tx, out);
                    watching = 1'b1;
                end
                lines = lines - 1;
            end
            watching = 1'b0;
        end
        $finish;
    end
endmodule

`default_nettype wire
