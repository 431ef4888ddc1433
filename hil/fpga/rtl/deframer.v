// Bytes between flags to a request, or to a count of what is wrong with them.
`default_nettype none

module deframer (
    input wire clk,
    input wire reset,
    input wire [7:0] data,
    input wire valid,
    input wire misframed,
    output reg good,           // for one cycle: what follows is a request
    output reg bad_checksum,
    output reg bad_length,
    output wire [7:0] sequence,
    output wire [7:0] command,
    output wire [39:0] body,   // its first byte in the upper eight bits
    output reg [3:0] body_bytes
);
    `include "regs.vh"

    reg [71:0] bytes;  // the first in the upper eight bits
    reg [3:0] length;
    reg escaped;
    reg long;
    reg spoilt;        // a byte of this frame was misframed: whatever comes, it is nothing
    reg [15:0] crc;

    wire [7:0] plain = escaped ? data ^ ESCAPE_XOR : data;
    wire [15:0] crc_next;
    wire empty = length == 4'd0 && !escaped;
    wire unfit = escaped || long || length < 4'd4;

    assign {sequence, command, body} = bytes[71:16];

    crc16 check (.crc(crc), .data(plain), .next(crc_next));

    always @(posedge clk) begin
        good <= 1'b0;
        bad_checksum <= 1'b0;
        bad_length <= 1'b0;
        if (reset || (valid && data == FLAG)) begin
            length <= 4'd0;
            escaped <= 1'b0;
            long <= 1'b0;
            spoilt <= 1'b0;
            crc <= 16'hFFFF;
            if (!reset && !spoilt && !empty) begin
                good <= !unfit && crc == 16'd0;
                bad_checksum <= !unfit && crc != 16'd0;
                bad_length <= unfit;
                body_bytes <= length - 4'd4;
            end
        end else if (misframed) spoilt <= 1'b1;
        else if (valid && data == ESCAPE) escaped <= 1'b1;
        else if (valid && length == REQUEST_BYTES_MAX) long <= 1'b1;
        else if (valid) begin
            bytes[(4'd8 - length) * 8 +: 8] <= plain;
            length <= length + 4'd1;
            escaped <= 1'b0;
            crc <= crc_next;
        end
    end
endmodule

`default_nettype wire
