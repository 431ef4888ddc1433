// Pins to edges: each goes through two flip-flops and has to stay for more than `deglitch` ticks.
`default_nettype none

module inputs (
    input wire clk,
    input wire reset,
    input wire [7:0] pins,
    input wire [7:0] deglitch,
    output reg [7:0] levels,
    output reg [7:0] rise,  // for the first cycle of a new level
    output reg [7:0] fall
);
    reg [7:0] first, second;
    reg [63:0] differs;  // ticks that an input has differed from its level, eight bits each
    integer i;

    always @(posedge clk)
        if (reset) begin
            first <= 8'd0;
            second <= 8'd0;
        end else begin
            first <= pins;
            second <= first;
        end

    always @(posedge clk) begin
        rise <= 8'd0;
        fall <= 8'd0;
        if (reset) begin
            levels <= 8'd0;
            differs <= 64'd0;
        end else if (second != levels || differs != 64'd0)
            for (i = 0; i < 8; i = i + 1)
                if (second[i] == levels[i]) differs[i*8 +: 8] <= 8'd0;
                else if (differs[i*8 +: 8] < deglitch)
                    differs[i*8 +: 8] <= differs[i*8 +: 8] + 8'd1;
                else begin
                    differs[i*8 +: 8] <= 8'd0;
                    levels[i] <= second[i];
                    rise[i] <= second[i];
                    fall[i] <= !second[i];
                end
    end
endmodule

`default_nettype wire
