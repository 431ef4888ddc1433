"""A host for cocotb benches: bits on the FPGA's line, requests asked and answered, pins moved."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, Timer
from cocotb.utils import get_sim_time

from hil.fpga import frames
from hil.fpga.frames import BadFrame, Deframer, Frame, Latency, encode
from hil.fpga.regs import Reg

NS_A_TICK = 2
ANSWER_WITHIN_TICKS = 8_000


async def ticks(count: int) -> None:
    """Wait."""
    if count:
        await Timer(count * NS_A_TICK, "ns")


def tick() -> int:
    """Return the tick since the simulation began."""
    return round(get_sim_time("ns")) // NS_A_TICK


class Host:
    """Whoever sits at the other end of the line.

    Attributes:
        chance: Everything random in a bench comes from it; its seed is in the log.
        heard: Frames that came and were not asked about yet.
    """

    def __init__(self, dut: Any, seed: int) -> None:
        self.dut = dut
        self.divisor = int(dut.DIVISOR.value)
        dut._log.info("seed %d", seed)
        self.chance = random.Random(seed)
        self.heard: list[Frame | BadFrame] = []
        self._deframer = Deframer()
        self._sequence = self.chance.randrange(256)
        self._listening = cocotb.start_soon(self._listen())

    @classmethod
    async def at(cls, dut: Any, seed: int) -> Host:
        """Return a host of an FPGA that was just reset."""
        dut.rx.value = 1
        getattr(dut, "in").value = 0
        dut.reset_n.value = 0
        await ticks(6)
        host = cls(dut, seed)
        dut.reset_n.value = 1
        await ticks(4)
        return host

    def inputs(self, levels: int) -> None:
        """Move the input pins."""
        getattr(self.dut, "in").value = levels

    async def send(self, data: bytes, stop_bit: int = 1) -> None:
        """Put bytes on the line; with stop bit 0 the last one is misframed."""
        for place, byte in enumerate(data, 1):
            stop = stop_bit if place == len(data) else 1
            for bit in (0, *(byte >> at & 1 for at in range(8)), stop):
                self.dut.rx.value = bit
                await ticks(self.divisor)
            self.dut.rx.value = 1

    async def tell(self, asked: tuple[int, bytes]) -> Frame:
        """Send a request and return it without waiting for an answer."""
        self._sequence = (self._sequence + 1) % 256
        request = Frame(self._sequence, *asked)
        await self.send(encode(request))
        return request

    async def ask(self, asked: tuple[int, bytes]) -> Frame:
        """Send a request and return its answer.

        Raises:
            AssertionError: If none comes in time, or another's.
        """
        request = await self.tell(asked)
        answer = await self.answer()
        assert answer is not None, f"no answer to {request}"
        assert frames.answers(request, answer), (request, answer)
        return answer

    async def answer(self, within: int = ANSWER_WITHIN_TICKS) -> Frame | None:
        """Return the next frame that comes, or None if none does in time."""
        until = tick() + within
        while not self.heard and tick() < until:
            await ticks(5 * self.divisor)
        if not self.heard:
            return None
        frame = self.heard.pop(0)
        assert isinstance(frame, Frame), frame
        await ticks(2 * self.divisor)  # its last stop bit
        return frame

    async def read(self, register: int) -> int:
        """Return a register's value."""
        return frames.value((await self.ask(frames.read(register))).body)

    async def write(self, register: int, value: int) -> None:
        """Set a register.

        Raises:
            AssertionError: If it is refused.
        """
        answer = await self.ask(frames.write(register, value))
        assert answer.command != frames.ERROR, (Reg(register), value, answer.body)

    async def set(self, **values: int) -> None:
        """Set registers, named in lower case."""
        for name, value in values.items():
            await self.write(Reg[name.upper()], value)

    async def events(self, first: int = 0) -> list[frames.Event]:
        """Return every event from a number on, and drop those before each portion."""
        found: list[frames.Event] = []
        while True:
            answer = await self.ask(frames.events(first + len(found)))
            portion = frames.Events.parse(answer.body)
            found += portion.events
            if len(portion.events) == portion.waiting:
                return found

    async def latency(self) -> Latency:
        """Return the latency figures."""
        return Latency.parse((await self.ask(frames.latency())).body)

    async def error(self, asked: tuple[int, bytes]) -> int:
        """Return the error code of a request that is refused."""
        answer = await self.ask(asked)
        assert answer.command == frames.ERROR, answer
        return answer.body[0]

    async def counted(self, register: int, by: int) -> None:
        """Hold a counter to a number, and that the FPGA still answers."""
        got = await self.read(register)
        assert got == by, f"{Reg(register).name}: expected {by}, got {got}"

    async def _listen(self) -> None:
        """Take in what the FPGA sends, each bit in its middle."""
        while True:
            await FallingEdge(self.dut.tx)
            await Timer(NS_A_TICK * self.divisor + NS_A_TICK * self.divisor // 2, "ns")
            byte = 0
            for at in range(8):
                byte |= int(self.dut.tx.value) << at
                await ticks(self.divisor)
            assert int(self.dut.tx.value) == 1, "expected a stop bit from the FPGA"
            self.heard += self._deframer.feed(bytes([byte]))
