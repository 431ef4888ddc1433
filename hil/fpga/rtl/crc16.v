// CRC-16/CCITT-FALSE, one byte at once. It begins with FFFF, and over a frame with its checksum is 0.
`default_nettype none

module crc16 (
    input wire [15:0] crc,
    input wire [7:0] data,
    output reg [15:0] next
);
    integer i;

    always @* begin
        next = crc ^ {data, 8'h00};
        for (i = 0; i < 8; i = i + 1)
            next = next[15] ? {next[14:0], 1'b0} ^ 16'h1021 : {next[14:0], 1'b0};
    end
endmodule

`default_nettype wire
