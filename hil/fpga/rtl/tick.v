// The time of everything here: ticks since reset, 48 bits, 271 days at 12 MHz.
`default_nettype none

module tick #(
    parameter [47:0] FIRST = 48'd0  // benches begin shortly before a wrap
) (
    input wire clk,
    input wire reset,
    output reg [47:0] now,
    output wire [47:0] next  // for what is recorded in this cycle but seen in the next
);
    assign next = now + 48'd1;

    always @(posedge clk)
        if (reset) now <= FIRST;
        else now <= next;
endmodule

`default_nettype wire
