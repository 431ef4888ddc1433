// The rack's FPGA: what hangs together with what. Pins: docs/spec/rack.md, "The FPGA".
`default_nettype none

module rack_fpga #(
    parameter DIVISOR = 12,                      // ticks a bit of the host's line
    parameter [31:0] CLOCK_HZ = 32'd12_000_000,
    parameter [31:0] BUILD = 32'd0,              // first four bytes of the commit it was built from
    parameter LOG_BITS = 9,                      // the event log has room for 2 ** LOG_BITS
    parameter [47:0] FIRST_TICK = 48'd0,         // these two only for benches, to be soon where
    parameter [15:0] COUNT_MAX = 16'hFFFF        // something wraps or stays
) (
    input wire clk,
    input wire reset_n,
    input wire rx,
    input wire [7:0] in,
    output wire tx,
    output reg [3:0] out
);
    `include "regs.vh"

    // Flip-flops begin with 0 on this family, so that power-on is a reset of two ticks.
    reg [1:0] running = 2'b00;
    wire reset = !running[1];
    always @(posedge clk) running <= {running[0], reset_n};

    wire [47:0] now, next;
    tick #(.FIRST(FIRST_TICK)) time_ (.clk(clk), .reset(reset), .now(now), .next(next));

    // The host's line.
    wire [7:0] rx_data, line_data, answer_data, sequence, command;
    wire rx_valid, rx_misframed, line_valid, line_ready, good, bad_checksum, bad_length;
    wire answer_valid, answer_last, answer_take, framing;
    wire [39:0] body;
    wire [3:0] body_bytes;

    uart_rx #(.DIVISOR(DIVISOR)) receiver (
        .clk(clk), .reset(reset), .rx(rx),
        .data(rx_data), .valid(rx_valid), .misframed(rx_misframed)
    );
    deframer requests (
        .clk(clk), .reset(reset), .data(rx_data), .valid(rx_valid), .misframed(rx_misframed),
        .good(good), .bad_checksum(bad_checksum), .bad_length(bad_length),
        .sequence(sequence), .command(command), .body(body), .body_bytes(body_bytes)
    );
    framer answers (
        .clk(clk), .reset(reset),
        .data(answer_data), .valid(answer_valid), .last(answer_last), .take(answer_take),
        .active(framing), .out(line_data), .out_valid(line_valid), .out_ready(line_ready)
    );
    uart_tx #(.DIVISOR(DIVISOR)) sender (
        .clk(clk), .reset(reset),
        .data(line_data), .valid(line_valid), .ready(line_ready), .tx(tx)
    );

    // Registers.
    wire [7:0] address, levels, deglitch;
    wire [31:0] value, watchdog_ticks, tear_delay, tear_width;
    wire write, known, writable, fits, guarded, safe, silent, fell, fired, overrun;
    wire [63:0] read;
    wire [47:0] triggered_at, fired_at;
    wire [15:0] edges, tear_skip, skipped, lost;
    wire [15:0] bad_checksums, bad_lengths, framing_errors, overruns;
    wire [4:0] tear_select, latency_start, latency_stop;
    wire [3:0] outputs, tear_outputs;
    wire [1:0] tear_state;
    wire [6:0] control;

    registers file (
        .clk(clk), .reset(reset), .address(address), .value(value), .write(write),
        .known(known), .writable(writable), .fits(fits), .guarded(guarded), .read(read),
        .now(now), .safe(safe), .silent(silent), .tear_state(tear_state), .fired(fired),
        .levels(levels), .pins(out), .triggered_at(triggered_at), .fired_at(fired_at),
        .skipped(skipped), .lost(lost), .bad_checksums(bad_checksums), .bad_lengths(bad_lengths),
        .framing_errors(framing_errors), .overruns(overruns), .fell(fell),
        .outputs(outputs), .watchdog(watchdog_ticks), .deglitch(deglitch), .edges(edges),
        .tear_select(tear_select), .tear_skip(tear_skip), .tear_delay(tear_delay),
        .tear_width(tear_width), .tear_outputs(tear_outputs),
        .latency_start(latency_start), .latency_stop(latency_stop), .control(control)
    );

    wire clear_errors = reset || control[CONTROL_CLEAR_ERRORS];
    counter #(.COUNT_MAX(COUNT_MAX)) of_checksums (
        .clk(clk), .clear(clear_errors), .happened(bad_checksum), .count(bad_checksums)
    );
    counter #(.COUNT_MAX(COUNT_MAX)) of_lengths (
        .clk(clk), .clear(clear_errors), .happened(bad_length), .count(bad_lengths)
    );
    counter #(.COUNT_MAX(COUNT_MAX)) of_framing (
        .clk(clk), .clear(clear_errors), .happened(rx_misframed), .count(framing_errors)
    );
    counter #(.COUNT_MAX(COUNT_MAX)) of_overruns (
        .clk(clk), .clear(clear_errors), .happened(overrun), .count(overruns)
    );

    // What happens: sources for the units, and one event a tick for the log.
    wire [7:0] rise, fall;
    wire triggered, pulsing, began, ended;
    reg software;
    always @(posedge clk) software <= control[CONTROL_TRIGGER] && !reset;

    inputs edges_of (
        .clk(clk), .reset(reset), .pins(in), .deglitch(deglitch),
        .levels(levels), .rise(rise), .fall(fall)
    );

    // In the order of the numbers in regs.yaml; the rest never happens.
    wire [31:0] sources = {13'd0, ended, began, software, fall, rise};
    wire [7:0] changed = (rise & edges[7:0]) | (fall & edges[15:8]);
    wire [6:0] marks = {2'd0, fell, ended, began, triggered, software};

    wire drop;
    wire [15:0] drop_to, head, tail, read_at;
    wire [71:0] word;
    event_fifo #(.ADDRESS_BITS(LOG_BITS), .COUNT_MAX(COUNT_MAX)) log (
        .clk(clk), .reset(reset), .happened(|changed || |marks), .what({now, changed, levels, marks}),
        .drop(drop), .drop_to(drop_to), .clear_lost(control[CONTROL_CLEAR_LOST]),
        .read_at(read_at), .word(word), .head(head), .tail(tail), .lost(lost)
    );

    // Units.
    tear tearing (
        .clk(clk), .reset(reset), .now(now), .next(next), .hit(sources[tear_select]),
        .arm(control[CONTROL_ARM]), .stop(control[CONTROL_DISARM] || fell),
        .skip(tear_skip), .delay(tear_delay), .width(tear_width),
        .state(tear_state), .triggered(triggered), .pulsing(pulsing), .began(began), .ended(ended),
        .fired(fired), .skipped(skipped), .triggered_at(triggered_at), .fired_at(fired_at)
    );

    wire [31:0] count, least, most;
    wire [63:0] total;
    latency measuring (
        .clk(clk), .reset(reset), .now(now),
        .start(sources[latency_start]), .stop(sources[latency_stop]),
        .clear(control[CONTROL_CLEAR_LATENCY]),
        .count(count), .least(least), .most(most), .total(total)
    );

    watchdog host (
        .clk(clk), .reset(reset), .heard(good), .limit(watchdog_ticks),
        .clear(control[CONTROL_CLEAR_SAFE]), .fell(fell), .silent(silent), .safe(safe)
    );

    responder #(.BUILD(BUILD), .CLOCK_HZ(CLOCK_HZ), .ROOM(16'd1 << LOG_BITS)) answering (
        .clk(clk), .reset(reset), .good(good), .sequence(sequence), .command(command),
        .body(body), .body_bytes(body_bytes), .overrun(overrun),
        .address(address), .value(value), .write(write), .known(known), .writable(writable),
        .fits(fits), .guarded(guarded), .safe(safe), .read(read),
        .head(head), .tail(tail), .lost(lost), .drop(drop), .drop_to(drop_to),
        .read_at(read_at), .word(word), .figures({count, least, most, total}),
        .out(answer_data), .valid(answer_valid), .last(answer_last), .take(answer_take),
        .line_busy(framing || !line_ready)
    );

    // Outputs are registered last, so that no pin shows a glitch of what is computed here.
    always @(posedge clk)
        if (reset || safe) out <= 4'd0;
        else out <= outputs ^ (pulsing ? tear_outputs : 4'd0);
endmodule

`default_nettype wire
