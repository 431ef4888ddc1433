"""The decoders of wires: PN532, FPGA, vpcd."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from random import Random

from campaigns.noise.trial import FRAMES_A_TRIAL, Piece, Wrong, missing, portions, spoilt
from hil.fpga import frames as fpga
from hil.fpga.regs import ESCAPE, ESCAPE_XOR, FLAG
from hil.pn532_frames import (
    ACK,
    ERROR_FRAME,
    LENGTH_MAX,
    NACK,
    START,
    TO_CHIP,
    TO_HOST,
    Deframer,
    Flaw,
    Frame,
    Signal,
    encode,
)
from hil.vpcd_wire import HOST, receive_frame
from scheme.errors import RecordError

SHORT, LONG = 24, 263
SIGNALS = ((ACK, Signal.ack), (NACK, Signal.nack), (ERROR_FRAME, Signal.error))
BODIES = (fpga.Hello.parse, fpga.Latency.parse, fpga.Events.parse, fpga.value)
VPCD_NOISE_MAX = 300


def pn532(chance: Random) -> Iterator[Wrong]:
    """Feed the PN532 deframer; a whole frame comes out, unless noise made one across it."""
    deframer, pieces = Deframer(), [_pn532_piece(chance) for _ in range(FRAMES_A_TRIAL)]
    stream, found = b"".join(piece.data for piece in pieces), list[object]()
    for portion in portions(stream, chance):
        found += deframer.feed(portion)
        if deframer.held > LENGTH_MAX + 16:
            yield "PN532 deframer", f"at most {LENGTH_MAX + 16} bytes held", f"{deframer.held}"
            return
    found += deframer.finish()
    if len(found) > len(stream):
        yield "PN532 deframer", f"at most {len(stream)} items", f"{len(found)}"
    sent = [piece.sent for piece in pieces if piece.sent is not None]
    # What nobody sent and is whole all the same: the noise was a frame, and may lie across others.
    accidents = len([item for item in found if not isinstance(item, Flaw)]) - len(sent)
    lost = missing(sent, found)
    if lost and accidents + len(lost) <= 0:
        yield "PN532 deframer", f"{len(sent)} frames found again", f"not {lost[0]}"


def _pn532_piece(chance: Random) -> Piece:
    way = chance.randrange(6)
    if way == 0:
        return Piece(*chance.choice(SIGNALS))
    if way == 1:
        return Piece(chance.randbytes(chance.randint(0, SHORT)), None)
    if way == 2:  # whole but for a length that no frame has, its checksums right
        length = chance.choice((0, 1, LENGTH_MAX + 1, 0xFFFF))
        told = length.to_bytes(2, "big")
        body = chance.randbytes(length % SHORT)
        tail = bytes((-sum(body) & 0xFF, 0))
        head = (
            bytes((length, -length & 0xFF)) if length < 2 and chance.random() < 0.5
            else b"\xff\xff" + told + bytes((-sum(told) & 0xFF,))
        )  # fmt: skip
        return Piece(b"\x00" + START + head + body + tail, None)
    size = chance.randint(0, LONG if chance.random() < 0.1 else SHORT)
    sent = Frame(chance.choice((TO_CHIP, TO_HOST)), chance.randrange(256), chance.randbytes(size))
    whole = encode(*sent)
    return Piece(whole, sent) if way > 3 else Piece(spoilt(whole, chance), None)


def fpga_frames(chance: Random) -> Iterator[Wrong]:
    """Feed an FPGA deframer; a flag ends whatever was before it, so a whole frame always comes."""
    of_requests = chance.random() < 0.3
    deframer = fpga.Deframer.of_requests() if of_requests else fpga.Deframer()
    most = 5 if of_requests else fpga.ANSWER_BYTES_MAX - fpga.FRAME_BYTES_MIN
    for _ in range(FRAMES_A_TRIAL):
        piece, found = _fpga_piece(chance, most), list[object]()
        for portion in portions(piece.data, chance):
            found += deframer.feed(portion)
        if len(found) > len(piece.data) + 1:
            yield "FPGA deframer", f"at most {len(piece.data)} items", f"{len(found)}"
        if piece.sent is not None and found[-1:] != [piece.sent]:
            yield "FPGA deframer", f"{piece.sent}", f"{found[-1:]}"
        for item in found:
            if isinstance(item, fpga.Frame):
                _read_as_every_answer(item.body)


def _fpga_piece(chance: Random, most: int) -> Piece:
    way = chance.randrange(5)
    if way == 0:
        return Piece(chance.randbytes(chance.randint(0, SHORT)) + bytes((FLAG,)), None)
    if way == 1:  # too short, its checksum right
        body = chance.randbytes(chance.randint(0, 1))
        checked = body + fpga.checksum(body).to_bytes(2)
        return Piece(_stuffed(checked), fpga.BadFrame.BAD_LENGTH)
    body = chance.randbytes(chance.randint(0, most if chance.random() < 0.1 else min(most, SHORT)))
    sent = fpga.Frame(chance.randrange(256), chance.randrange(256), body)
    whole = fpga.encode(sent)
    if way == 2:
        return Piece(spoilt(whole, chance) + bytes((FLAG,)), None)
    return Piece(whole, sent)


def _stuffed(data: bytes) -> bytes:
    """Return bytes between flags, put together once more and not by the codec."""
    escape, flag = bytes((ESCAPE,)), bytes((FLAG,))
    told = data.replace(escape, escape + bytes((ESCAPE ^ ESCAPE_XOR,)))
    return flag + told.replace(flag, escape + bytes((FLAG ^ ESCAPE_XOR,))) + flag


def _read_as_every_answer(body: bytes) -> None:
    for parse in BODIES:
        with contextlib.suppress(RecordError):
            parse(body)


def vpcd(chance: Random) -> Iterator[Wrong]:
    """Feed the vpcd side of a real connection; it ends at the first frame that does not come."""
    frames = [chance.randbytes(chance.randint(1, SHORT)) for _ in range(FRAMES_A_TRIAL)]
    stream = b"".join(len(frame).to_bytes(2, "big") + frame for frame in frames)
    if chance.random() < 0.7:
        at = chance.randrange(len(stream))
        noise = chance.randbytes(chance.randint(0, VPCD_NOISE_MAX))
        stream = stream[:at] + noise + stream[at + chance.randint(0, 8) :]
    near, far = _connection()
    with near, far:
        far.sendall(stream)
        far.shutdown(socket.SHUT_WR)
        found = list(iter(lambda: receive_frame(near), b""))
    expected = list(_vpcd_expected(stream))
    if found != expected:
        yield "vpcd wire", f"{len(expected)} frames", f"{len(found)}, or others"


def _vpcd_expected(stream: bytes) -> Iterator[bytes]:
    at = 0
    while len(stream) - at >= 2:
        size = int.from_bytes(stream[at : at + 2], "big")
        frame = stream[at + 2 : at + 2 + size]
        if not size or len(frame) < size:
            return
        yield frame
        at += 2 + size


def _connection() -> tuple[socket.socket, socket.socket]:
    with socket.create_server((HOST, 0)) as listener:
        far = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
    near.settimeout(1)
    return near, far
