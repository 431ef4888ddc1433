// The latency unit: ticks from a start to a stop, how many, least, most and their sum.
`default_nettype none

module latency (
    input wire clk,
    input wire reset,
    input wire [47:0] now,
    input wire start,
    input wire stop,
    input wire clear,
    output reg [31:0] count,
    output reg [31:0] least,
    output reg [31:0] most,
    output reg [63:0] total
);
    reg running;
    reg [47:0] since;

    wire [47:0] whole = now - since;
    // One that does not fit counts as the largest that does: a lie in the sum, but never a small one.
    wire [31:0] took = |whole[47:32] ? 32'hFFFFFFFF : whole[31:0];

    always @(posedge clk)
        if (reset || clear) begin
            running <= 1'b0;
            count <= 32'd0;
            least <= 32'hFFFFFFFF;
            most <= 32'd0;
            total <= 64'd0;
        end else begin
            if (start) since <= now;
            running <= start || (running && !stop);
            if (running && stop) begin
                count <= count + 32'd1;
                if (took < least) least <= took;
                if (took > most) most <= took;
                total <= total + {32'd0, took};
            end
        end
endmodule

`default_nettype wire
