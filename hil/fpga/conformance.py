"""What an FPGA of the rack must do, whatever stands behind its URL: board, model or RTL.

One opening serves all cases, each from idle; none needs a wire at its inputs or outputs. What is
found is how it behaves through its line; that model and RTL are equal to the tick is shown by
`hil.fpga.replay`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import sleep
from typing import NamedTuple

from hil.conformance.judging import Wrong, equal
from hil.fpga import frames
from hil.fpga.frames import Frame, encode
from hil.fpga.link import FpgaRefusedError
from hil.fpga.regs import (
    FLAG,
    ID,
    SHAPES,
    Command,
    Control,
    ErrorCode,
    Mark,
    Reg,
    Source,
    Status,
    TearState,
)
from hil.fpga.tears import TearPlan
from hil.fpga.timer import FpgaTimer
from scheme.errors import ReaderError

ENOUGH = 200_000  # ticks within which a tear here has fired
SEED = 5
LEAST_ROOM = 32
KEPT = 18
SILENT_TICKS = 20_000
QUIET_S = 0.01
QUIET_TIMES = 10
NOISE_BYTES = 400


class Case(NamedTuple):
    """One row of the table of behaviour."""

    id: str
    name: str
    reason: str
    play: Callable[[FpgaTimer], None]


class Result(NamedTuple):
    """What came of a case; `verdict` is PASS or FAIL."""

    case: Case
    verdict: str
    expected: str = ""
    got: str = ""


def judge(timer: FpgaTimer, cases: Iterable[Case] | None = None) -> list[Result]:
    """Return a result for each case, of all unless some are named.

    Raises:
        ReaderError: If it cannot be opened at all, which is no verdict on it.
    """
    with _opened(timer):
        return [_result(case, timer) for case in (CASES if cases is None else cases)]


def _result(case: Case, timer: FpgaTimer) -> Result:
    try:
        _to_idle(timer)
        case.play(timer)
    except Wrong as wrong:
        return Result(case, "FAIL", wrong.expected, wrong.got)
    except ReaderError as error:
        return Result(case, "FAIL", "no fault", f"{type(error).__name__}: {error}")
    return Result(case, "PASS")


@contextmanager
def _opened(timer: FpgaTimer) -> Iterator[None]:
    timer.open()
    try:
        yield
    finally:
        timer.close()


def _to_idle(timer: FpgaTimer) -> None:
    timer.open()
    timer.write(Reg.WATCHDOG, SHAPES[Reg.WATCHDOG].reset)
    timer.disarm()
    timer.clear_safe()
    timer.set(
        outputs=0,
        latency_start=Source.NONE,
        latency_stop=Source.NONE,
        control=Control.CLEAR_LATENCY | Control.CLEAR_LOST | Control.CLEAR_ERRORS,
    )
    timer.log()


def _says_who_it_is(timer: FpgaTimer) -> None:
    equal("ID", ID, timer.hello.id)
    equal("ID as a register", ID, timer.read(Reg.ID))
    equal("room in its log", True, timer.hello.fifo >= LEAST_ROOM)


def _holds_registers(timer: FpgaTimer) -> None:
    chance = random.Random(SEED)
    for reg, shape in SHAPES.items():
        if not (shape.writable and shape.readable) or reg == Reg.WATCHDOG:
            continue
        value = chance.randrange(1 << shape.width)
        timer.write(reg, value)
        equal(reg.name, value, timer.read(reg))
        timer.write(reg, shape.reset)


def _refuses(timer: FpgaTimer) -> None:
    for what, asked, code in (
        ("a command that is none", (0x55, b""), ErrorCode.UNKNOWN_COMMAND),
        ("a body too long", (Command.HELLO, b"\x00"), ErrorCode.WRONG_LENGTH),
        ("a register that is none", frames.read(0xEE), ErrorCode.UNKNOWN_REGISTER),
        ("writing TICK", frames.write(Reg.TICK, 1), ErrorCode.READ_ONLY),
        ("a value too wide", frames.write(Reg.OUTPUTS, 0x10), ErrorCode.BAD_VALUE),
        ("an event that is not there", frames.events(timer.next_event + 40_000),
         ErrorCode.BAD_VALUE),
    ):  # fmt: skip
        _refused(timer, what, asked, code)


def _refused(
    timer: FpgaTimer, what: str, asked: tuple[Command | int, bytes], code: ErrorCode
) -> None:
    try:
        timer.link.ask(asked)
    except FpgaRefusedError as refused:
        equal(what, code.name, ErrorCode(refused.code).name)
    else:
        raise Wrong(f"{what}: {code.name}", "done")


def _counts(timer: FpgaTimer) -> None:
    before = timer.tie()
    again = [timer.ticks() for _ in range(5)]
    equal("ticks in order", sorted(set(again)), again)
    after = timer.tie()
    equal("a tick behind the first", True, after.tick > before.tick)
    equal("host instants in order", True, after.host_ns > before.host_ns)
    shown = timer.ties.instant(after.tick)
    off = abs(shown.host_ns - after.host_ns)
    equal("a tick put back on the host's clock", True, off <= shown.uncertainty_ns)


def _tears_to_the_tick(timer: FpgaTimer) -> None:
    chance = random.Random(SEED)
    for delay in (0, 1, 2, *(chance.randrange(3, 20_000) for _ in range(3))):
        plan = TearPlan(delay=delay, width=chance.randrange(1, 2_000), outputs=1)
        timer.arm(plan)
        timer.trigger()
        told = timer.wait_idle(ENOUGH)
        equal(f"a tear after {delay} ticks has fired", True, told.has_fired)
        equal("ticks from trigger to pulse", max(1, delay), told.fired - told.triggered)
        marked = {mark: event.tick for event in timer.log() for mark in Mark if event.marks & mark}
        equal("the trigger's event", told.triggered, marked.get(Mark.TRIGGERED))
        equal("the pulse's event", told.fired, marked.get(Mark.FIRED))
        equal("the end's event", told.fired + plan.width, marked.get(Mark.ENDED))


def _skips(timer: FpgaTimer) -> None:
    for skip in (1, 2):
        timer.arm(TearPlan(skip=skip))
        for passed in range(skip):
            timer.trigger()
            told = timer.tear()
            equal("triggers let pass", (passed + 1, False), (told.skipped, told.has_fired))
        timer.trigger()
        equal("fired at the next", True, timer.wait_fired(ENOUGH).has_fired)


def _disarms(timer: FpgaTimer) -> None:
    timer.arm(TearPlan(source=Source.NONE))
    timer.trigger()
    equal("armed without its source", TearState.ARMED, timer.tear().state)
    timer.disarm()
    timer.trigger()
    told = timer.tear()
    equal("disarmed", (TearState.IDLE, False, 0), (told.state, told.has_fired, told.fired))


def _moves_pins(timer: FpgaTimer) -> None:
    timer.write(Reg.OUTPUTS, 0b1010)
    equal("pins as asked", 0b1010, timer.read(Reg.PINS))
    timer.arm(TearPlan(width=(1 << 32) - 1, outputs=0b0011))
    timer.trigger()
    timer.wait_fired(ENOUGH)
    equal("pins in the pulse", 0b1001, timer.read(Reg.PINS))
    timer.disarm()
    equal("pins behind it", 0b1010, timer.read(Reg.PINS))


def _measures(timer: FpgaTimer) -> None:
    timer.set(latency_start=Source.FIRED, latency_stop=Source.ENDED)
    widths = [1, 7, 3_000]
    for width in widths:
        timer.arm(TearPlan(width=width))
        timer.trigger()
        timer.wait_idle(ENOUGH)
    expected = (len(widths), min(widths), max(widths), sum(widths))
    equal("count, least, most, sum", expected, tuple(timer.latency()))
    timer.write(Reg.CONTROL, Control.CLEAR_LATENCY)
    equal("measurements after clearing", 0, timer.latency().measured)


def _keeps_events(timer: FpgaTimer) -> None:
    for _ in range(KEPT):
        timer.trigger()
    first, again = timer.look_at_log(), timer.look_at_log()
    equal("events asked twice", first, again)
    log = timer.log()
    equal("events", KEPT, len(log))
    ticks = [event.tick for event in log]
    equal("their ticks in order", sorted(set(ticks)), ticks)
    equal("events once taken", [], timer.log())


def _tells_what_it_lost(timer: FpgaTimer) -> None:
    room = timer.hello.fifo
    for _ in range(room + 3):
        timer.trigger()
    equal("events lost", 3, timer.read(Reg.LOST))
    equal("STATUS.lost", True, bool(timer.status() & Status.LOST))
    equal("events kept", room, len(timer.log()))
    timer.trigger()
    (event,) = timer.log()
    equal("the mark of the next event", Mark.LOST | Mark.SOFTWARE, event.marks)


def _falls_to_safe(timer: FpgaTimer) -> None:
    timer.write(Reg.OUTPUTS, 0b1111)
    timer.arm(TearPlan(source=Source.NONE))
    timer.write(Reg.WATCHDOG, SILENT_TICKS)  # the last: a host may need longer than that to ask
    pause_s = QUIET_S * timer.time_scale
    for _ in range(QUIET_TIMES):
        sleep(pause_s)
        if timer.status() & Status.SAFE:
            break
        pause_s *= 1.5
    else:
        raise Wrong(f"outputs that fall after {SILENT_TICKS} ticks of silence", "none")
    equal("pins", 0, timer.read(Reg.PINS))
    equal("the tear unit", TearState.IDLE, timer.tear().state)
    _refused(timer, "outputs", frames.write(Reg.OUTPUTS, 1), ErrorCode.IS_SAFE)
    _refused(timer, "arming", frames.write(Reg.CONTROL, Control.ARM), ErrorCode.IS_SAFE)
    equal("its event", True, any(event.marks & Mark.SAFE for event in timer.log()))
    timer.write(Reg.WATCHDOG, SHAPES[Reg.WATCHDOG].reset)
    timer.clear_safe()
    timer.write(Reg.OUTPUTS, 1)
    equal("pins once that was seen", 1, timer.read(Reg.PINS))


def _stays_in_step(timer: FpgaTimer) -> None:
    chance = random.Random(SEED)
    good = encode(Frame(1, *frames.read(Reg.STATUS)))
    wrong = bytes([*good[:-2], good[-2] ^ 1, FLAG])
    for reg, sent, times in (
        (Reg.BAD_CHECKSUMS, wrong, 3),
        (Reg.BAD_LENGTHS, bytes([FLAG, 1, 2, FLAG]), 2),
        (Reg.BAD_LENGTHS, bytes([FLAG, *range(40), FLAG]), 1),
    ):
        timer.write(Reg.CONTROL, Control.CLEAR_ERRORS)
        for _ in range(times):
            timer.link.send_raw(sent)
        equal(reg.name, times, timer.read(reg))
    timer.link.send_raw(good[:4] + good)  # a frame in the middle of another
    timer.link.send_raw(chance.randbytes(NOISE_BYTES) + bytes([FLAG]))
    timer.link.settle()
    equal("ID after noise", ID, timer.read(Reg.ID))


def _drops_what_it_cannot_answer(timer: FpgaTimer) -> None:
    asked = encode(Frame(77, *frames.read(Reg.TICK)))
    timer.link.send_raw(asked * 4)
    timer.link.settle()
    equal("the next request", ID, timer.read(Reg.ID))
    equal("requests dropped while it answered", True, timer.read(Reg.OVERRUNS) > 0)


def _opens_again(timer: FpgaTimer) -> None:
    timer.write(Reg.OUTPUTS, 0b0101)
    timer.close()
    timer.close()
    try:
        timer.ticks()
    except ReaderError as error:
        if "is not open" not in str(error):
            raise Wrong('"is not open"', str(error)) from error
    else:
        raise Wrong("a ReaderError of one that is closed", "a tick")
    timer.open()
    timer.open()
    equal("pins of one that was closed", 0, timer.read(Reg.PINS))


def _row(number: int, name: str, reason: str, play: Callable[[FpgaTimer], None]) -> Case:
    return Case(f"JK1-FPG-{number:03}", name, reason, play)


CASES = (
    _row(1, "it says who it is", "an old build must not pass for a new one", _says_who_it_is),
    _row(2, "registers hold what is written", "a setting that is not taken is a fault not made",
         _holds_registers),
    _row(3, "what it cannot do is refused by its code", "a mistake must not look like silence",
         _refuses),
    _row(4, "its clock goes on and fits the host's", "instants are put on the host's clock by it",
         _counts),
    _row(5, "a tear fires after its delay, to the tick, and says so", "the proof of the fault",
         _tears_to_the_tick),
    _row(6, "a tear lets as many triggers pass as it is told", "the exchange is chosen by it",
         _skips),
    _row(7, "a tear that was taken back does not fire", "nor may it say that it did", _disarms),
    _row(8, "outputs and pulses reach the pins", "antenna and power hang on them", _moves_pins),
    _row(9, "latencies are those of the ticks", "p99 must not depend on a host", _measures),
    _row(10, "events come in order and none with a lost answer", "the log is evidence",
         _keeps_events),
    _row(11, "events without room are counted and told", "a gap must not look like peace",
         _tells_what_it_lost),
    _row(12, "a silent host makes it safe until that was seen", "a hung program leaves no field on",
         _falls_to_safe),
    _row(13, "bad frames and noise are counted, and it stays in step", "wires are long",
         _stays_in_step),
    _row(14, "a request while it answers is dropped and counted", "one at a time",
         _drops_what_it_cannot_answer),
    _row(15, "closed it is safe and says so, and opens again", "benches are used again and again",
         _opens_again),
)  # fmt: skip
