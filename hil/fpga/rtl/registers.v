// The register file: what the host has set, what it may read, and what it may write.
`default_nettype none

module registers (
    input wire clk,
    input wire reset,
    // A request, judged in one cycle.
    input wire [7:0] address,
    input wire [31:0] value,
    input wire write,
    output reg known,
    output wire writable,
    output wire fits,
    output wire guarded,       // refused while the outputs are safe
    output wire [63:0] read,
    // What can be read.
    input wire [47:0] now,
    input wire safe,
    input wire silent,
    input wire [1:0] tear_state,
    input wire fired,
    input wire [7:0] levels,
    input wire [3:0] pins,
    input wire [47:0] triggered_at,
    input wire [47:0] fired_at,
    input wire [15:0] skipped,
    input wire [15:0] lost,
    input wire [15:0] bad_checksums,
    input wire [15:0] bad_lengths,
    input wire [15:0] framing_errors,
    input wire [15:0] overruns,
    input wire fell,
    // What was set.
    output reg [3:0] outputs,
    output reg [31:0] watchdog,
    output reg [7:0] deglitch,
    output reg [15:0] edges,
    output reg [4:0] tear_select,
    output reg [15:0] tear_skip,
    output reg [31:0] tear_delay,
    output reg [31:0] tear_width,
    output reg [3:0] tear_outputs,
    output reg [4:0] latency_start,
    output reg [4:0] latency_stop,
    output wire [6:0] control  // each bit for the cycle in which it is written
);
    `include "regs.vh"

    reg [31:0] mask;  // bits that may be written
    reg [63:0] settled;
    wire [5:0] status = {|lost, fired, tear_state, silent, safe};

    assign read = address == REG_TICK ? {16'd0, now} : settled;
    assign writable = |mask;
    assign fits = !(value & ~mask);
    assign guarded = address == REG_OUTPUTS
        || (address == REG_CONTROL && (value[CONTROL_ARM] || value[CONTROL_TRIGGER]));
    assign control = write && address == REG_CONTROL ? value[6:0] : 7'd0;

    always @* begin
        known = 1'b1;
        mask = 32'd0;
        settled = 64'd0;
        case (address)
            REG_ID: settled = ID;
            REG_TICK: ;  // below: it would wake all of this in every tick of a simulation
            REG_STATUS: settled = status;
            REG_INPUTS: settled = levels;
            REG_OUTPUTS: begin settled = outputs; mask = MASK_OUTPUTS; end
            REG_PINS: settled = pins;
            REG_WATCHDOG: begin settled = watchdog; mask = MASK_WATCHDOG; end
            REG_DEGLITCH: begin settled = deglitch; mask = MASK_DEGLITCH; end
            REG_EDGES: begin settled = edges; mask = MASK_EDGES; end
            REG_CONTROL: mask = MASK_CONTROL;
            REG_TEAR_SELECT: begin settled = tear_select; mask = MASK_TEAR_SELECT; end
            REG_TEAR_SKIP: begin settled = tear_skip; mask = MASK_TEAR_SKIP; end
            REG_TEAR_DELAY: begin settled = tear_delay; mask = MASK_TEAR_DELAY; end
            REG_TEAR_WIDTH: begin settled = tear_width; mask = MASK_TEAR_WIDTH; end
            REG_TEAR_OUTPUTS: begin settled = tear_outputs; mask = MASK_TEAR_OUTPUTS; end
            REG_TEAR_TRIGGERED: settled = triggered_at;
            REG_TEAR_FIRED: settled = fired_at;
            REG_TEAR_SKIPPED: settled = skipped;
            REG_LATENCY_START: begin settled = latency_start; mask = MASK_LATENCY_START; end
            REG_LATENCY_STOP: begin settled = latency_stop; mask = MASK_LATENCY_STOP; end
            REG_LOST: settled = lost;
            REG_BAD_CHECKSUMS: settled = bad_checksums;
            REG_BAD_LENGTHS: settled = bad_lengths;
            REG_FRAMING_ERRORS: settled = framing_errors;
            REG_OVERRUNS: settled = overruns;
            default: known = 1'b0;
        endcase
    end

    always @(posedge clk)
        if (reset) begin
            outputs <= RESET_OUTPUTS;
            watchdog <= RESET_WATCHDOG;
            deglitch <= RESET_DEGLITCH;
            edges <= RESET_EDGES;
            tear_select <= RESET_TEAR_SELECT;
            tear_skip <= RESET_TEAR_SKIP;
            tear_delay <= RESET_TEAR_DELAY;
            tear_width <= RESET_TEAR_WIDTH;
            tear_outputs <= RESET_TEAR_OUTPUTS;
            latency_start <= RESET_LATENCY_START;
            latency_stop <= RESET_LATENCY_STOP;
        end else begin
            if (write) case (address)
                REG_OUTPUTS: outputs <= value[3:0];
                REG_WATCHDOG: watchdog <= value;
                REG_DEGLITCH: deglitch <= value[7:0];
                REG_EDGES: edges <= value[15:0];
                REG_TEAR_SELECT: tear_select <= value[4:0];
                REG_TEAR_SKIP: tear_skip <= value[15:0];
                REG_TEAR_DELAY: tear_delay <= value;
                REG_TEAR_WIDTH: tear_width <= value;
                REG_TEAR_OUTPUTS: tear_outputs <= value[3:0];
                REG_LATENCY_START: latency_start <= value[4:0];
                REG_LATENCY_STOP: latency_stop <= value[4:0];
            endcase
            if (fell) outputs <= 4'd0;
        end
endmodule

`default_nettype wire
