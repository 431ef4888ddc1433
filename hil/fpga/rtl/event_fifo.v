// The event log: what happened in a tick, in order, until the host says that it has it.
`default_nettype none

module event_fifo #(
    parameter ADDRESS_BITS = 9,
    parameter [15:0] COUNT_MAX = 16'hFFFF
) (
    input wire clk,
    input wire reset,
    input wire happened,
    input wire [70:0] what,     // tick 48, changed 8, levels 8, marks but LOST 7
    input wire drop,            // forget all before number `drop_to`, which has to be in the log
    input wire [15:0] drop_to,
    input wire clear_lost,
    input wire [15:0] read_at,  // `word` is this event from the next cycle on
    output reg [71:0] word,
    output reg [15:0] head,     // number of the oldest event kept
    output reg [15:0] tail,     // number of the next to come
    output reg [15:0] lost
);
    localparam [15:0] ROOM = 16'd1 << ADDRESS_BITS;

    reg [71:0] kept [0:ROOM - 1];
    reg gap;  // something was lost and no event has said so yet

    wire [15:0] waiting = tail - head;
    wire full = waiting == ROOM;

    always @(posedge clk) begin
        word <= kept[read_at[ADDRESS_BITS-1:0]];
        if (happened && !full) kept[tail[ADDRESS_BITS-1:0]] <= {what[70:7], gap, what[6:0]};
    end

    always @(posedge clk)
        if (reset) begin
            head <= 16'd0;
            tail <= 16'd0;
            lost <= 16'd0;
            gap <= 1'b0;
        end else begin
            if (drop) head <= drop_to;
            if (happened) begin
                gap <= full;
                if (!full) tail <= tail + 16'd1;
            end
            if (clear_lost) lost <= 16'd0;
            else if (happened && full && lost != COUNT_MAX) lost <= lost + 16'd1;
        end
endmodule

`default_nettype wire
