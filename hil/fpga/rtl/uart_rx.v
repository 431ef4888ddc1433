// Bits of the host's line to bytes, 8N1, each bit sampled once in its middle.
`default_nettype none

module uart_rx #(
    parameter DIVISOR = 12  // ticks a bit, from 4 to 65,535
) (
    input wire clk,
    input wire reset,
    input wire rx,
    output reg [7:0] data,
    output reg valid,       // for one cycle: `data` is a byte
    output reg misframed    // for one cycle: where a stop bit had to be, the line was low
);
    localparam [3:0] IDLE = 4'd0, START = 4'd1, STOP = 4'd10, BREAK = 4'd11;
    localparam [15:0] HALF = DIVISOR / 2 - 1;
    localparam [15:0] WHOLE = DIVISOR - 1;

    reg [1:0] line;  // the pin belongs to no clock: two flip-flops before anyone looks
    reg [3:0] place;
    reg [15:0] wait_ticks;

    always @(posedge clk)
        if (reset) line <= 2'b11;
        else line <= {line[0], rx};

    always @(posedge clk) begin
        valid <= 1'b0;
        misframed <= 1'b0;
        if (reset) place <= IDLE;
        else if (place == IDLE) begin
            wait_ticks <= HALF;
            if (!line[1]) place <= START;
        end else if (place == BREAK) begin
            // Not before the line has been high again: a long low is one error, not one a byte.
            if (line[1]) place <= IDLE;
        end else if (wait_ticks != 0) wait_ticks <= wait_ticks - 16'd1;
        else begin
            wait_ticks <= WHOLE;
            place <= place + 4'd1;
            if (place == START) begin
                if (line[1]) place <= IDLE;  // a spike, no start bit
            end else if (place == STOP) begin
                valid <= line[1];
                misframed <= !line[1];
                place <= line[1] ? IDLE : BREAK;
            end else data <= {line[1], data[7:1]};
        end
    end
endmodule

`default_nettype wire
