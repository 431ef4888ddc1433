"""The units behind the line: log, tick, tear, latency, watchdog, reset, each by random stimulus."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.handle import Force, Release
from cocotb.triggers import Edge, First, Timer

from hil.fpga import frames
from hil.fpga.regs import (
    INPUT_TICKS,
    OUTPUT_TICKS,
    Control,
    ErrorCode,
    Mark,
    Reg,
    Source,
    Status,
    TearState,
)
from hil.fpga.tests.host import NS_A_TICK, Host, tick, ticks
from hil.fpga.tests.seed import SEED

TICK_MAX = (1 << 48) - 1
DEGLITCH = 2
TEARS = 1_000
LONGEST = 70_000  # ticks, over 16 bits


async def toggled(host: Host, times: int) -> None:
    """Move input 0 so often, each time for long enough to count."""
    for turn in range(times):
        host.inputs(1 - turn % 2)
        await ticks(DEGLITCH + 4)


@cocotb.test()
async def a_full_log_counts_what_it_loses_and_marks_the_gap(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    await host.set(deglitch=DEGLITCH)
    room = 1 << int(dut.LOG_BITS.value)
    more = host.chance.randrange(1, 6) * 2
    await toggled(host, room + more)
    await host.counted(Reg.LOST, more)
    assert await host.read(Reg.STATUS) & Status.LOST
    kept = await host.events()
    assert len(kept) == room
    assert not any(event.marks for event in kept)
    assert [event.changed for event in kept] == [1] * room
    await host.ask(frames.events(room))
    await toggled(host, 2)
    after = await host.events(room)
    assert [event.marks for event in after] == [Mark.LOST, Mark(0)]
    await host.set(control=Control.CLEAR_LOST)
    await host.counted(Reg.LOST, 0)


@cocotb.test()
async def asked_again_the_log_gives_the_same_events(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    await host.set(deglitch=DEGLITCH)
    await toggled(host, 6)
    once = await host.ask(frames.events(0, 4))
    again = await host.ask(frames.events(0, 4))
    assert once.body == again.body
    rest = frames.Events.parse((await host.ask(frames.events(4, 255))).body)
    assert (rest.first, rest.waiting, len(rest.events)) == (4, 2, 2)
    assert await host.error(frames.events(3)) == ErrorCode.BAD_VALUE


@cocotb.test()
async def the_tick_wraps_and_what_is_measured_across_it_is_right(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    await host.set(deglitch=0, latency_start=Source.RISE, latency_stop=Source.FALL)
    dut.fpga.time_.now.value = TICK_MAX - 40
    await ticks(10)
    host.inputs(1)
    await ticks(100)
    host.inputs(0)
    await ticks(20)
    up, down = await host.events()
    assert (down.tick - up.tick) % (TICK_MAX + 1) == 100
    assert up.tick > down.tick
    assert await host.latency() == (1, 100, 100, 100)
    assert await host.read(Reg.TICK) < 100_000


@cocotb.test()
async def a_thousand_tears_are_each_within_a_tick_of_the_delay_asked(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    await host.set(deglitch=0, tear_outputs=1, tear_select=Source.RISE, watchdog=(1 << 32) - 1)
    await host.set(edges=0)
    registers = dut.fpga.file
    delays = [0, 1, 2, LONGEST, *(host.chance.randrange(5_000) for _ in range(10))]
    delays += [round(800 ** host.chance.random()) for _ in range(TEARS - len(delays))]
    worst = 0
    for delay in delays:
        # The line would take most of the time; what it writes is held to it elsewhere.
        registers.tear_delay.value = delay
        registers.tear_width.value = 3
        dut.fpga.control.value = Force(Control.ARM)
        await ticks(1)
        dut.fpga.control.value = Release()
        host.inputs(1)
        began = tick()
        await Edge(dut.out)
        took = tick() - began - INPUT_TICKS - OUTPUT_TICKS
        worst = max(worst, abs(took - delay))
        await Edge(dut.out)
        host.inputs(0)
        await ticks(6)
    dut._log.info("%d tears, worst %d ticks off", len(delays), worst)
    assert len(delays) == TEARS
    assert worst <= 1
    assert await host.read(Reg.TEAR_FIRED) - await host.read(Reg.TEAR_TRIGGERED) == delays[-1]


@cocotb.test()
async def a_tear_leaves_its_proof_and_disarms_itself(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    for _ in range(3):
        skip, delay = host.chance.randrange(3), host.chance.randrange(2, 50)
        width, source = host.chance.randrange(1, 50), host.chance.randrange(8)
        await host.set(deglitch=0, outputs=5, tear_outputs=6, tear_select=source)
        await host.set(tear_skip=skip, tear_delay=delay, tear_width=width, control=Control.ARM)
        assert await host.read(Reg.STATUS) >> 2 & 3 == TearState.ARMED
        first = len(await host.events())
        for turn in range(2 * skip + 1):
            host.inputs(0 if turn % 2 else 1 << source)
            await ticks(20)
        host.inputs(0)
        await ticks(200)
        assert await host.read(Reg.TEAR_SKIPPED) == skip
        status = await host.read(Reg.STATUS)
        assert (status >> 2 & 3, bool(status & Status.FIRED)) == (TearState.IDLE, True)
        triggered, fired = await host.read(Reg.TEAR_TRIGGERED), await host.read(Reg.TEAR_FIRED)
        assert fired - triggered == delay
        log = await host.events()
        marked = {mark: e.tick for e in log for mark in Mark if e.marks & mark}
        assert marked[Mark.TRIGGERED] == triggered
        assert marked[Mark.FIRED] == fired
        assert marked[Mark.ENDED] == fired + width
        await host.ask(frames.events(len(log)))
        host = await Host.at(dut, SEED + first)


@cocotb.test()
async def latencies_are_counted_as_the_pins_had_them(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    await host.set(deglitch=DEGLITCH, latency_start=Source.RISE, latency_stop=Source.RISE + 1)
    expected: list[int] = []
    for _ in range(40):
        took = host.chance.choice((1, host.chance.randrange(2, 900)))
        host.inputs(1)
        await ticks(took)
        host.inputs(3)
        await ticks(DEGLITCH + 4)
        host.inputs(2 * host.chance.randrange(2))
        await ticks(DEGLITCH + 4)
        host.inputs(0)
        await ticks(DEGLITCH + 4)
        expected.append(took)
    figures = (len(expected), min(expected), max(expected), sum(expected))
    assert await host.latency() == figures
    await host.set(control=Control.CLEAR_LATENCY)
    assert await host.latency() == (0, 0xFFFFFFFF, 0, 0)


@cocotb.test()
async def a_glitch_makes_no_event(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    await host.set(deglitch=20)
    for _ in range(20):
        host.inputs(host.chance.randrange(1, 256))
        await ticks(host.chance.randrange(1, 21))
        host.inputs(0)
        await ticks(25)
    assert not await host.events()


@cocotb.test()
async def a_silent_host_makes_the_outputs_safe_until_it_says_that_it_saw_it(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    limit = 3_000
    await host.set(watchdog=limit)
    await host.set(tear_select=Source.SOFTWARE, tear_delay=10 * limit, tear_width=1)
    await host.set(control=Control.ARM | Control.TRIGGER)
    await host.set(outputs=15)
    assert int(dut.out.value) == 15
    began = tick()
    await First(Edge(dut.out), Timer(2 * limit * NS_A_TICK, "ns"))
    assert int(dut.out.value) == 0
    assert limit - 800 < tick() - began <= limit
    assert await host.error(frames.write(Reg.OUTPUTS, 1)) == ErrorCode.IS_SAFE
    assert await host.error(frames.write(Reg.CONTROL, Control.ARM)) == ErrorCode.IS_SAFE
    assert await host.read(Reg.STATUS) == Status.SAFE
    assert Mark.SAFE in [event.marks for event in await host.events()]
    await host.set(control=Control.CLEAR_SAFE)
    await host.set(outputs=1)
    await ticks(4)
    assert int(dut.out.value) == 1


@cocotb.test()
async def a_reset_forgets_everything_and_drops_the_outputs(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    await host.set(deglitch=0, outputs=15, tear_skip=7)
    await toggled(host, 4)
    await host.tell(frames.hello())
    await ticks(host.chance.randrange(300))
    dut.reset_n.value = 0
    await ticks(4)
    assert (int(dut.out.value), int(dut.tx.value)) == (0, 1)
    again = await Host.at(dut, SEED)
    for register in (Reg.OUTPUTS, Reg.TEAR_SKIP, Reg.LOST):
        await again.counted(register, 0)
    assert not await again.events()
    assert await again.read(Reg.TICK) < 5_000 + int(dut.FIRST_TICK.value)
