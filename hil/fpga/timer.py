"""The FPGA for the bench: what stamps events, tears to the tick, and tells that it did.

    fpga:///dev/serial/by-id/...   a board on a serial port
    fpga://model:                  the model, on a pty
    fpga://cocotb:                 the RTL in Icarus Verilog, on a pty

Opening it brings it to idle: nothing armed, outputs 0. While the host says nothing, it falls to
safe; `kept_alive` speaks for a host that is busy, as long as that has said it may be.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from hil.fpga import frames
from hil.fpga.frames import Event, Events, Hello, Latency
from hil.fpga.link import Asked, FpgaRefusedError, FpgaStrangerError, Link, SerialPort
from hil.fpga.modelport import ModelPort
from hil.fpga.regs import ID, INPUTS, OUTPUTS, SHAPES, Control, Reg, Source, Status
from hil.fpga.tears import TearPlan, TearTold
from hil.fpga.ties import WRAP, Instant, Tie, Ties
from hil.protocols import BenchState, Stamp
from scheme.errors import BadInputError, ReaderError, RecordError

MODEL, COCOTB = "model:", "cocotb:"
EXPECTED = f"a port /dev/..., {MODEL} or {COCOTB}"
ALIVE_PARTS = 4  # a watchdog's time holds so many signs of life
NUMBERS = 1 << 16
TIES = 8
Body = TypeVar("Body")


class Served(NamedTuple):
    """A port to open, how much slower than hardware it answers, and what ends whoever serves it."""

    path: str
    time_scale: float
    end: Callable[[], None]


class FpgaTimer:
    """One FPGA.

    Attributes:
        url: What it was made of.
        hello: Who answered, once it is open.
        was_safe: Whether it had fallen to safe before it was opened.
        ties: Its clock on the host's.
        next_event: Number of the next event to fetch.
    """

    def __init__(
        self, address: str, time_scale: float = 1.0, serve: Callable[[str], Served] | None = None
    ) -> None:
        """Take what stands behind `fpga://`; `serve` gives another port than the address says."""
        self.url = f"fpga://{address}"
        self.hello = Hello(0, 0, 1, 0, 0, 0)
        self.was_safe = False
        self.ties = Ties(1)
        self._address = address
        self._time_scale = time_scale
        self._serve = serve or served
        self._served: Served | None = None
        self._link: Link | None = None
        self.next_event = 0
        self._stamps: list[Stamp] = []
        self._armed = False

    @property
    def time_scale(self) -> float:
        """By how much its time limits are stretched."""
        return self._time_scale * (self._served.time_scale if self._served else 1)

    @property
    def link(self) -> Link:
        """Its line; raises ReaderError if it is not open."""
        if self._link is None:
            raise ReaderError(f'"{self.url}" is not open')
        return self._link

    @property
    def state(self) -> BenchState:
        """Where it stands."""
        if self._link is None or self.status() & Status.SAFE:
            return BenchState.safe
        return BenchState.armed if self.tear().state else BenchState.idle

    @property
    def tick_hz(self) -> float:
        """Ticks a second, as it says of itself once it is open."""
        return self.hello.clock_hz

    def open(self) -> None:
        """Take the port, see who is there and bring it to idle; again is no fault."""
        if self._link is not None:
            return
        self._served = self._serve(self._address)
        try:
            self._link = Link(SerialPort(self._served.path, self.url), self.url, self.time_scale)
            self._greet()
        except BaseException:
            self._leave()
            raise

    def close(self) -> None:
        """Disarm it, drop its outputs and give the port back; again is no fault."""
        if self._link is not None:
            with contextlib.suppress(ReaderError):
                self.make_safe()
            self._leave()

    def make_safe(self) -> None:
        """Disarm the tear unit and set every output to 0."""
        self.write(Reg.CONTROL, Control.DISARM)
        if not self.status() & Status.SAFE:
            self.write(Reg.OUTPUTS, 0)

    def read(self, register: Reg) -> int:
        """Return a register's value."""
        return _parsed(frames.value, self.link.ask(frames.read(register)), self.url)

    def write(self, register: Reg, value: int) -> None:
        """Set a register; CONTROL is sent once and never again, unless all it does is disarm."""
        self.link.ask(frames.write(register, value))

    def set(self, **values: int) -> None:
        """Set registers, named in lower case."""
        for name, value in values.items():
            self.write(Reg[name.upper()], value)

    def status(self) -> Status:
        """Return register STATUS."""
        return Status(self.read(Reg.STATUS))

    def clear_safe(self) -> None:
        """Say that it was seen that the outputs fell."""
        self.write(Reg.CONTROL, Control.CLEAR_SAFE)

    def arm(self, plan: TearPlan) -> None:
        """Arm the tear unit, whatever it did before; raises FpgaRefusedError if it is safe."""
        self.write(Reg.CONTROL, Control.DISARM)
        self.set(
            tear_select=plan.source,
            tear_skip=plan.skip,
            tear_delay=plan.delay,
            tear_width=plan.width,
            tear_outputs=plan.outputs,
        )
        self.write(Reg.CONTROL, Control.ARM)

    def trigger(self) -> None:
        """Be the source SOFTWARE."""
        self.write(Reg.CONTROL, Control.TRIGGER)

    def disarm(self) -> None:
        """Have the tear unit do nothing."""
        self.write(Reg.CONTROL, Control.DISARM)

    def tear(self) -> TearTold:
        """Return what became of the tear that was armed last."""
        status = self.status()
        return TearTold(
            (status & Status.TEAR_STATE) >> 2,
            bool(status & Status.FIRED),
            self.read(Reg.TEAR_TRIGGERED),
            self.read(Reg.TEAR_FIRED),
            self.read(Reg.TEAR_SKIPPED),
        )

    def wait_fired(self, ticks: int) -> TearTold:
        """Return what became of a tear once it fired, or did not within so many ticks."""
        self._wait_status(ticks, lambda status: bool(status & Status.FIRED))
        return self.tear()

    def wait_idle(self, ticks: int) -> TearTold:
        """Return what became of a tear once its pulse ended, or did not within so many ticks."""
        self._wait_status(ticks, lambda status: not status & Status.TEAR_STATE)
        return self.tear()

    def pins(self) -> int:
        """Return the levels at the output pins."""
        return self.read(Reg.PINS)

    def latency(self) -> Latency:
        """Return the latency unit's figures."""
        return _parsed(Latency.parse, self.link.ask(frames.latency()), self.url)

    def log(self) -> list[Event]:
        """Return every event since the last call, and drop it there."""
        found: list[Event] = []
        while True:
            portion = self.look_at_log()
            found += portion.events
            self.next_event = (portion.first + len(portion.events)) % NUMBERS
            if len(portion.events) == portion.waiting:
                if portion.events:
                    self.look_at_log()  # which drops the last portion
                return found

    def look_at_log(self) -> Events:
        """Return the next events, again and again the same until `log` has taken them."""
        return _parsed(Events.parse, self.link.ask(frames.events(self.next_event)), self.url)

    def ticks(self) -> int:
        """Return the clock as it is now."""
        return self.read(Reg.TICK)

    def events(self, most: int) -> list[Stamp]:
        """Return up to so many edges at its inputs that have not been fetched yet."""
        for event in self.log() if len(self._stamps) < most else ():
            for channel in range(INPUTS):
                if event.changed >> channel & 1:
                    level = event.levels >> channel & 1
                    self._stamps.append(Stamp(event.tick, channel, level))
        taken, self._stamps = self._stamps[:most], self._stamps[most:]
        return taken

    def tie(self, exchanges: int = TIES) -> Tie:
        """Tie its clock to the host's by the shortest of some round trips."""
        return self.ties.add([self._tied() for _ in range(exchanges)])

    def instant(self, tick: int) -> Instant | None:
        """Return when a tick was on the host's clock; None in a simulator: its time is its own."""
        in_step = self._served is not None and self._served.time_scale == 1
        return self.ties.instant(tick) if in_step else None

    @contextlib.contextmanager
    def kept_alive(self, within_s: float) -> Iterator[None]:
        """Speak for a host that is busy, for `within_s` at most; then it may fall to safe."""
        rest = threading.Event()
        watchdog_s = self.read(Reg.WATCHDOG) / self.tick_hz
        every_s = watchdog_s / ALIVE_PARTS

        def speak() -> None:
            for _ in range(max(1, round(within_s / every_s))):
                if rest.wait(every_s):
                    return
                with contextlib.suppress(ReaderError):  # whoever asks next is told
                    self.status()

        thread = threading.Thread(target=speak, name=f"{self.url} kept alive", daemon=True)
        thread.start()
        try:
            yield
        finally:
            rest.set()
            thread.join()

    def _greet(self) -> None:
        asked = self.link.ask(frames.hello())
        self.hello = _hello(asked, self.url)
        self.was_safe = bool(self.status() & Status.SAFE)
        self.write(Reg.WATCHDOG, SHAPES[Reg.WATCHDOG].reset)
        self.write(Reg.CONTROL, Control.DISARM)
        self.write(Reg.CONTROL, Control.CLEAR_SAFE)
        self.write(Reg.CONTROL, Control.CLEAR_LOST | Control.CLEAR_ERRORS | Control.CLEAR_LATENCY)
        self.set(outputs=0, latency_start=Source.NONE, latency_stop=Source.NONE)
        self.ties = Ties(self.hello.clock_hz)
        self._find_log()
        self.tie()

    def _find_log(self) -> None:
        """Find the number of the next event, which a host before us may have left anywhere."""
        step = self.hello.fifo // 2
        for number in range(0, NUMBERS, step):
            with contextlib.suppress(FpgaRefusedError):
                self.next_event = number
                self.log()
                return
            if not number:  # not after a reset: fill it so far that no step can go past it
                for _ in range(step):
                    self.trigger()
        raise FpgaStrangerError(f'timer "{self.url}": expected a log of events, found none')

    def _wait_status(self, ticks: int, holds: Callable[[Status], bool]) -> None:
        began: int | None = None
        while not holds(self.status()):
            now = self.read(Reg.TICK)
            began = now if began is None else began
            if (now - began) % WRAP >= ticks:
                return

    def _tied(self) -> Tie:
        asked = self.link.ask(frames.read(Reg.TICK))
        tick = _parsed(frames.value, asked, self.url)
        return Tie.of(tick, asked.sent_ns, asked.received_ns)

    def _leave(self) -> None:
        if self._link is not None:
            self._link.close()
        if self._served is not None:
            self._served.end()
        self._link = self._served = None


def served(address: str) -> Served:
    """Return the port of an address, with whoever serves it started.

    Raises:
        BadInputError: If it is no address of ours.
        ReaderError: If the RTL cannot be simulated on this machine.
    """
    if address == MODEL:
        port = ModelPort()
        port.plug()
        return Served(port.path, 1.0, port.unplug)
    if address == COCOTB:
        from hil.fpga.bridge import TIME_SCALE, Bridge

        bridge = Bridge()
        bridge.start()
        return Served(bridge.path, TIME_SCALE, bridge.stop)
    if address.startswith("/"):
        return Served(address, 1.0, lambda: None)
    raise BadInputError.at(f"fpga://{address}", expected=EXPECTED, got=address or "nothing")


def _hello(asked: Asked, url: str) -> Hello:
    hello = _parsed(Hello.parse, asked, url)
    if hello.id != ID or (hello.inputs, hello.outputs) < (INPUTS, OUTPUTS) or not hello.clock_hz:
        raise FpgaStrangerError(
            f'timer "{url}": expected ID {ID:08X}, {INPUTS} inputs, {OUTPUTS} outputs, got '
            f"{hello.id:08X}, {hello.inputs}, {hello.outputs}; load the RTL of this version into it"
        )
    return hello


def _parsed(parse: Callable[[bytes], Body], asked: Asked, url: str) -> Body:
    """Return what an answer says; raise FpgaStrangerError if it is of another form."""
    try:
        return parse(asked.body)
    except RecordError as error:
        raise FpgaStrangerError(f'timer "{url}": {error}') from error
