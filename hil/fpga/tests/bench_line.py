"""Bad input on the host's line: each kind is counted, none is answered wrongly, none ends it."""

from __future__ import annotations

from typing import Any

import cocotb

from hil.fpga import frames
from hil.fpga.frames import Frame, Hello, encode
from hil.fpga.regs import ESCAPE, FLAG, ID, SHAPES, Command, Control, ErrorCode, Reg
from hil.fpga.tests.host import Host, ticks
from hil.fpga.tests.seed import SEED

QUIET_TICKS = 600  # longer than any answer takes to begin


async def alive(host: Host) -> None:
    """Hold that the FPGA answers and that nothing else has come."""
    assert not host.heard, host.heard
    assert await host.read(Reg.ID) == ID


async def unanswered(host: Host, data: bytes) -> None:
    """Send bytes and hold that nothing comes back."""
    await host.send(data)
    answer = await host.answer(QUIET_TICKS)
    assert answer is None, answer


@cocotb.test()
async def hello_tells_what_it_was_built_with(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    hello = Hello.parse((await host.ask(frames.hello())).body)
    assert hello == (ID, int(dut.BUILD.value), 12_000_000, 8, 4, 1 << int(dut.LOG_BITS.value))


@cocotb.test()
async def every_register_keeps_what_fits_and_refuses_what_does_not(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    for register, shape in SHAPES.items():
        value = host.chance.randrange(1 << shape.width) | 1 << 30 & (1 << shape.width) - 1
        if not shape.writable:
            assert await host.error(frames.write(register, 0)) == ErrorCode.READ_ONLY
        elif register != Reg.CONTROL:
            await host.write(register, value)
            assert await host.read(register) == value, register
        if shape.writable and shape.width < 32:
            wide = 1 << host.chance.randrange(shape.width, 32)
            assert await host.error(frames.write(register, wide)) == ErrorCode.BAD_VALUE


@cocotb.test()
async def requests_that_cannot_be_obeyed_are_refused_by_code(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    commands = set(range(256)) - set(Command)
    for command in host.chance.sample(sorted(commands), 8):
        body = host.chance.randbytes(host.chance.randrange(6))
        assert await host.error((command, body)) == ErrorCode.UNKNOWN_COMMAND
    for command, (_, body) in (
        (Command.HELLO, frames.hello()),
        (Command.READ, frames.read(1)),
        (Command.WRITE, frames.write(4, 1)),
        (Command.EVENTS, frames.events(0)),
        (Command.LATENCY, frames.latency()),
    ):
        for length in {0, 1, 3, 4, 5} - {len(body)}:
            assert await host.error((command, bytes(length))) == ErrorCode.WRONG_LENGTH
    unknown = sorted(set(range(256)) - set(SHAPES))
    for register in host.chance.sample(unknown, 4):
        assert await host.error(frames.read(register)) == ErrorCode.UNKNOWN_REGISTER
        assert await host.error(frames.write(register, 0)) == ErrorCode.UNKNOWN_REGISTER
    assert await host.error(frames.events(1)) == ErrorCode.BAD_VALUE


@cocotb.test()
async def a_bad_checksum_is_counted_and_not_answered(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    for _ in range(5):
        good = bytearray(encode(Frame(0, *frames.write(Reg.OUTPUTS, 15))))
        at = host.chance.randrange(1, len(good) - 1)
        good[at] ^= 1 << host.chance.randrange(5)
        if good[at] in (FLAG, ESCAPE):
            good[at] ^= 0x40
        await unanswered(host, bytes(good))
    await host.counted(Reg.BAD_CHECKSUMS, 5)
    await host.counted(Reg.OUTPUTS, 0)


@cocotb.test()
async def a_wrong_length_is_counted_and_not_answered(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    for length in (1, 2, 3):
        await unanswered(host, bytes([FLAG, *range(length), FLAG]))
    for length in (10, 11, 40):  # with a right checksum: only the length is wrong
        body = host.chance.randbytes(length - 4)
        await unanswered(host, encode(Frame(0, Command.HELLO, body)))
    await unanswered(host, bytes([FLAG, 1, 2, 3, 4, ESCAPE, FLAG]))
    await host.counted(Reg.BAD_LENGTHS, 7)


@cocotb.test()
async def flags_alone_are_nothing(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    await unanswered(host, bytes([FLAG] * 9))
    await host.counted(Reg.BAD_LENGTHS, 0)


@cocotb.test()
async def a_byte_without_stop_bit_spoils_its_frame_and_no_other(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    good = encode(Frame(1, *frames.write(Reg.OUTPUTS, 15)))
    for times in range(1, 4):
        at = host.chance.randrange(2, len(good) - 1)
        await host.send(good[:at], stop_bit=0)
        await ticks(host.divisor)
        await unanswered(host, good[at:])
        await host.counted(Reg.FRAMING_ERRORS, times)
    await host.counted(Reg.OUTPUTS, 0)
    await host.counted(Reg.BAD_CHECKSUMS, 0)


@cocotb.test()
async def a_long_low_is_one_framing_error(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    dut.rx.value = 0
    await ticks(35 * host.divisor)
    dut.rx.value = 1
    await ticks(2 * host.divisor)
    await host.send(bytes([FLAG]))
    await host.counted(Reg.FRAMING_ERRORS, 1)


@cocotb.test()
async def a_frame_in_the_middle_of_another_is_answered(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    outer = encode(Frame(1, *frames.write(Reg.OUTPUTS, 15)))
    for at in (2, 5, len(outer) - 2):
        await host.send(outer[:at])
        assert await host.read(Reg.ID) == ID
    await host.counted(Reg.OUTPUTS, 0)
    bad = await host.read(Reg.BAD_LENGTHS) + await host.read(Reg.BAD_CHECKSUMS)
    assert bad == 3


@cocotb.test()
async def a_request_before_the_answer_is_out_is_dropped_and_counted(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    first = await host.tell(frames.hello())
    await host.tell(frames.write(Reg.OUTPUTS, 15))
    answer = await host.answer()
    assert answer is not None
    assert frames.answers(first, answer)
    await ticks(2_000)
    assert not host.heard
    await host.counted(Reg.OVERRUNS, 1)
    await host.counted(Reg.OUTPUTS, 0)


@cocotb.test()
async def noise_leaves_it_answering(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    for _ in range(800):
        dut.rx.value = host.chance.randrange(2)
        await ticks(host.chance.randrange(1, 30))
    dut.rx.value = 1
    await ticks(12 * host.divisor)
    await host.send(bytes([FLAG]))
    host.heard.clear()
    await alive(host)
    await host.counted(Reg.OUTPUTS, 0)
    await host.set(control=Control.CLEAR_ERRORS)
    for register in (Reg.BAD_CHECKSUMS, Reg.BAD_LENGTHS, Reg.FRAMING_ERRORS, Reg.OVERRUNS):
        await host.counted(register, 0)


@cocotb.test()
async def a_spike_is_no_start_bit(dut: Any) -> None:
    host = await Host.at(dut, SEED)
    dut.rx.value = 0
    await ticks(host.divisor // 2 - 1)
    dut.rx.value = 1
    await ticks(20 * host.divisor)
    await host.counted(Reg.FRAMING_ERRORS, 0)
