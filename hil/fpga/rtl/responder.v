// A request to its answer: judged in the cycle in which it is whole, taken down there, then sent.
`default_nettype none

module responder #(
    parameter [31:0] BUILD = 32'd0,
    parameter [31:0] CLOCK_HZ = 32'd12_000_000,
    parameter [15:0] ROOM = 16'd512
) (
    input wire clk,
    input wire reset,
    input wire good,
    input wire [7:0] sequence,
    input wire [7:0] command,
    input wire [39:0] body,
    input wire [3:0] body_bytes,
    output wire overrun,        // a request came too early and is dropped
    // The register file.
    output wire [7:0] address,
    output wire [31:0] value,
    output wire write,
    input wire known,
    input wire writable,
    input wire fits,
    input wire guarded,
    input wire safe,
    input wire [63:0] read,
    // The event log.
    input wire [15:0] head,
    input wire [15:0] tail,
    input wire [15:0] lost,
    output wire drop,
    output wire [15:0] drop_to,
    output reg [15:0] read_at,
    input wire [71:0] word,
    // The latency figures.
    input wire [159:0] figures,
    // To the framer.
    output wire [7:0] out,
    output wire valid,
    output wire last,
    input wire take,
    input wire line_busy
);
    `include "regs.vh"

    reg busy;
    reg [175:0] bytes;      // the next to go in the upper eight bits
    reg [4:0] left;         // of them
    reg [4:0] events_left;  // behind them

    // Every request has its number at the same place, so all can be looked at before the command is.
    assign address = body[39:32];
    assign value = body[31:0];
    assign drop_to = body[39:24];
    wire [15:0] waiting = tail - drop_to;
    wire [15:0] dropped = drop_to - head;
    wire in_log = dropped <= tail - head;
    wire [7:0] most = body[23:16] < EVENTS_MAX ? body[23:16] : EVENTS_MAX;
    wire [4:0] shown = waiting < {8'd0, most} ? waiting[4:0] : most[4:0];

    reg [3:0] wanted;
    always @*
        case (command)
            COMMAND_HELLO: wanted = BODY_HELLO;
            COMMAND_READ: wanted = BODY_READ;
            COMMAND_WRITE: wanted = BODY_WRITE;
            COMMAND_EVENTS: wanted = BODY_EVENTS;
            COMMAND_LATENCY: wanted = BODY_LATENCY;
            default: wanted = 4'hF;  // no body is so long: there is no such command
        endcase

    wire reads = command == COMMAND_READ;
    wire writes = command == COMMAND_WRITE;
    wire pops = command == COMMAND_EVENTS;
    wire [7:0] error =
        wanted == 4'hF ? ERROR_UNKNOWN_COMMAND
        : body_bytes != wanted ? ERROR_WRONG_LENGTH
        : (reads || writes) && !known ? ERROR_UNKNOWN_REGISTER
        : writes && !writable ? ERROR_READ_ONLY
        : (writes && !fits) || (pops && !in_log) ? ERROR_BAD_VALUE
        : writes && guarded && safe ? ERROR_IS_SAFE
        : 8'd0;

    wire accept = good && !busy;
    wire obeyed = accept && error == 8'd0;

    assign overrun = good && busy;
    assign write = obeyed && writes;
    assign drop = obeyed && pops;

    assign out = bytes[175:168];
    assign valid = left != 5'd0;
    assign last = left == 5'd1 && events_left == 5'd0;

    always @(posedge clk)
        if (reset) begin
            busy <= 1'b0;
            left <= 5'd0;
            events_left <= 5'd0;
        end else if (accept) begin
            busy <= 1'b1;
            read_at <= drop_to;
            events_left <= drop ? shown : 5'd0;
            bytes[175:160] <= {sequence, command | ANSWER};
            if (!obeyed) begin
                bytes[175:152] <= {sequence, 8'hFF, error};
                left <= 5'd3;
            end else
                case (command)
                    COMMAND_HELLO: begin
                        bytes[159:32] <= {ID, BUILD, CLOCK_HZ, INPUTS, OUTPUTS, ROOM};
                        left <= 5'd18;
                    end
                    COMMAND_READ: begin
                        bytes[159:96] <= read;
                        left <= 5'd10;
                    end
                    COMMAND_EVENTS: begin
                        bytes[159:96] <= {drop_to, waiting, 16'd0, lost};
                        left <= 5'd10;
                    end
                    COMMAND_LATENCY: begin
                        bytes[159:0] <= figures;
                        left <= 5'd22;
                    end
                    default: left <= 5'd2;
                endcase
        end else if (take) begin
            bytes <= {bytes[167:0], 8'd0};
            left <= left - 5'd1;
        end else if (left == 5'd0 && events_left != 5'd0) begin
            // `word` has been this event for long: the bytes before it took their time on the line.
            bytes[175:104] <= word;
            left <= {1'b0, EVENT_BYTES[3:0]};
            events_left <= events_left - 5'd1;
            read_at <= read_at + 16'd1;
        end else if (left == 5'd0 && !line_busy) busy <= 1'b0;
endmodule

`default_nettype wire
