// How often something happened; it stays at its largest instead of beginning anew.
`default_nettype none

module counter #(
    parameter [15:0] COUNT_MAX = 16'hFFFF
) (
    input wire clk,
    input wire clear,
    input wire happened,
    output reg [15:0] count
);
    always @(posedge clk)
        if (clear) count <= 16'd0;
        else if (happened && count != COUNT_MAX) count <= count + 16'd1;
endmodule

`default_nettype wire
