// A host that is silent for `limit` ticks has left: outputs are safe from then until it says it saw it.
`default_nettype none

module watchdog (
    input wire clk,
    input wire reset,
    input wire heard,
    input wire [31:0] limit,
    input wire clear,
    output reg fell,    // for the first cycle of being safe
    output reg silent,
    output reg safe
);
    reg [31:0] ticks;

    wire expired = ticks >= limit && !heard;

    always @(posedge clk) begin
        fell <= expired && !silent && !reset;
        if (reset || heard) begin
            ticks <= 32'd0;
            silent <= 1'b0;
        end else if (expired) silent <= 1'b1;
        else ticks <= ticks + 32'd1;
        // A fall and its clearing never meet: clearing is being heard.
        if (reset || clear) safe <= 1'b0;
        else if (expired && !silent) safe <= 1'b1;
    end
endmodule

`default_nettype wire
