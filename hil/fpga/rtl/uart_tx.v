// Bytes to bits of the host's line, 8N1. A byte that waits when a stop bit ends follows without a gap.
`default_nettype none

module uart_tx #(
    parameter DIVISOR = 12
) (
    input wire clk,
    input wire reset,
    input wire [7:0] data,
    input wire valid,
    output wire ready,  // `data` is taken in a cycle in which both are high
    output wire tx
);
    localparam [15:0] WHOLE = DIVISOR - 1;

    reg [9:0] bits;
    reg [3:0] left;
    reg [15:0] wait_ticks;

    assign ready = left == 4'd0 || (left == 4'd1 && wait_ticks == 16'd0);
    assign tx = bits[0];

    always @(posedge clk)
        if (reset) begin
            bits <= 10'h3FF;
            left <= 4'd0;
        end else if (ready && valid) begin
            bits <= {1'b1, data, 1'b0};
            left <= 4'd10;
            wait_ticks <= WHOLE;
        end else if (left != 4'd0) begin
            wait_ticks <= wait_ticks - 16'd1;
            if (wait_ticks == 16'd0) begin
                bits <= {1'b1, bits[9:1]};
                left <= left - 4'd1;
                wait_ticks <= WHOLE;
            end
        end
endmodule

`default_nettype wire
