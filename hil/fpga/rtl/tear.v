// The tear unit: a pulse some ticks after the n-th trigger, once, and the proof that it was.
`default_nettype none

module tear (
    input wire clk,
    input wire reset,
    input wire [47:0] now,
    input wire [47:0] next,
    input wire hit,             // the source selected happened in this cycle
    input wire arm,
    input wire stop,            // disarmed by the host, or fallen to safe
    input wire [15:0] skip,
    input wire [31:0] delay,
    input wire [31:0] width,
    output reg [1:0] state,
    output wire triggered,      // in the cycle of the trigger
    output wire pulsing,
    output reg began,           // for the first cycle of the pulse
    output reg ended,           // for the first cycle behind it
    output reg fired,           // since it was armed
    output reg [15:0] skipped,
    output reg [47:0] triggered_at,
    output reg [47:0] fired_at
);
    `include "regs.vh"

    reg [31:0] left;  // ticks of the delay or of the pulse, this one among them

    wire met = state == TEAR_ARMED && hit && !stop;
    wire over = left <= 32'd1;
    wire begins = !stop && ((triggered && delay <= 32'd1) || (state == TEAR_DELAYING && over));

    assign triggered = met && skipped == skip;
    assign pulsing = state == TEAR_PULSING;

    always @(posedge clk) begin
        began <= begins && !reset;
        ended <= pulsing && (stop || over) && !reset;
        if (reset || stop) state <= TEAR_IDLE;
        else if (begins) state <= TEAR_PULSING;
        else if (triggered) state <= TEAR_DELAYING;
        else if (pulsing && over) state <= TEAR_IDLE;
        else if (state == TEAR_IDLE && arm) state <= TEAR_ARMED;
        left <= begins ? width : triggered ? delay - 32'd1 : left - 32'd1;
    end

    always @(posedge clk)
        if (reset || (state == TEAR_IDLE && arm && !stop)) begin
            fired <= 1'b0;
            skipped <= 16'd0;
            triggered_at <= 48'd0;
            fired_at <= 48'd0;
        end else begin
            if (met && !triggered) skipped <= skipped + 16'd1;
            if (triggered) triggered_at <= now;
            if (begins) begin
                fired <= 1'b1;
                fired_at <= next;
            end
        end
endmodule

`default_nettype wire
