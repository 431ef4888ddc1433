// Bytes of an answer to a frame: flags around it, stuffing, the checksum behind it.
`default_nettype none

module framer (
    input wire clk,
    input wire reset,
    input wire [7:0] data,
    input wire valid,       // an answer has begun and `data` is its next byte
    input wire last,
    output wire take,       // for one cycle: `data` has gone out
    output wire active,
    output wire [7:0] out,  // to the line
    output wire out_valid,
    input wire out_ready
);
    `include "regs.vh"
    localparam [2:0] OPEN = 3'd0, DATA = 3'd1, HIGH = 3'd2, LOW = 3'd3, CLOSE = 3'd4;

    reg [2:0] place;
    reg escaped;
    reg [15:0] crc;

    wire [7:0] raw = place == DATA ? data : place == HIGH ? crc[15:8] : crc[7:0];
    wire [15:0] crc_next;
    wire a_flag = place == OPEN || place == CLOSE;
    wire escape = !a_flag && !escaped && (raw == FLAG || raw == ESCAPE);
    wire goes = out_valid && out_ready;

    assign active = place != OPEN;
    assign out = a_flag ? FLAG : escape ? ESCAPE : escaped ? raw ^ ESCAPE_XOR : raw;
    assign out_valid = (place != OPEN && place != DATA) || valid;
    assign take = goes && place == DATA && !escape;

    crc16 check (.crc(crc), .data(data), .next(crc_next));

    always @(posedge clk)
        if (reset) begin
            place <= OPEN;
            escaped <= 1'b0;
        end else if (goes) begin
            escaped <= escape;
            if (!escape)
                case (place)
                    OPEN: begin
                        place <= DATA;
                        crc <= 16'hFFFF;
                    end
                    DATA: begin
                        crc <= crc_next;
                        if (last) place <= HIGH;
                    end
                    CLOSE: place <= OPEN;
                    default: place <= place + 3'd1;
                endcase
        end
endmodule

`default_nettype wire
