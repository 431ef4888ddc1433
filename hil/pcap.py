"""GSMTAP exchanges out of a pcap file: `hil.gsmtap`'s own, and those of other tools.

Reads classic pcap of either byte order, in micro- or nanoseconds, over raw IPv4 or Ethernet. Other
packets are passed over; pcapng is not read. In a GSMTAP datagram command and answer lie one behind
the other, so that the length in the command's fifth byte parts them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from hil.gsmtap import LINKTYPE_IPV4, PORT, SUBTYPE_APDU, TYPE_SIM, UDP
from scheme.errors import BadInputError

# Magic as it lies in the file: byte order, and how many a second its fractions are.
MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000), b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000), b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
}  # fmt: skip
FILE_HEAD, PACKET_HEAD = 24, 16
NETWORK_AT = {LINKTYPE_IPV4: 0, 101: 0, 1: 14}  # where IPv4 begins, by link type
HEAD, UDP_HEAD = 5, 8
STATUS_SIZE = 2
NS_IN_MS = 1_000_000


class Packet(NamedTuple):
    """One exchange of a pcap: its instant in milliseconds UTC, its command, its answer."""

    at_ms: int
    command: bytes
    answer: bytes | None


def is_pcap(content: bytes) -> bool:
    """Return whether a file begins as a pcap does."""
    return content[:4] in MAGICS


def read_pcap(name: str, content: bytes) -> Iterator[Packet]:
    """Yield the GSMTAP exchanges of a pcap.

    Raises:
        BadInputError: If the file ends inside a packet or has a link type that is not read.
    """
    order, fractions = MAGICS[content[:4]]
    if len(content) < FILE_HEAD:
        raise BadInputError.at(name, expected=f"a pcap of {FILE_HEAD} bytes", got=len(content))
    link = struct.unpack_from(f"{order}I", content, 20)[0] & 0xFFFF
    if link not in NETWORK_AT:
        raise BadInputError.at(name, expected="raw IPv4 or Ethernet", got=f"link type {link}")
    at, number = FILE_HEAD, 0
    while at < len(content):
        number += 1
        head = content[at : at + PACKET_HEAD]
        size = struct.unpack_from(f"{order}I", head, 8)[0] if len(head) == PACKET_HEAD else 0
        packet = content[at + PACKET_HEAD : at + PACKET_HEAD + size]
        if len(head) < PACKET_HEAD or len(packet) < size:
            raise BadInputError.at(
                f"{name}: packet {number}", expected="a whole packet", got="the end of the file"
            )
        seconds, fraction = struct.unpack_from(f"{order}II", head)
        at += PACKET_HEAD + size
        apdu = _apdu(packet[NETWORK_AT[link] :])
        if apdu is not None:
            at_ms = seconds * 1_000 + fraction * (1_000_000_000 // fractions) // NS_IN_MS
            yield Packet(at_ms, *_parted(apdu))


def _apdu(packet: bytes) -> bytes | None:
    """Return the APDU in an IPv4 packet, None if it carries none."""
    if not packet or packet[0] >> 4 != 4 or packet[9:10] != bytes((UDP,)):
        return None
    datagram = packet[4 * (packet[0] & 15) :]
    body = datagram[UDP_HEAD:]
    if len(body) < 16 or PORT not in struct.unpack_from(">HH", datagram):
        return None
    head_size = 4 * body[1]
    sim = body[2] == TYPE_SIM and body[12] == SUBTYPE_APDU
    return body[head_size:] if sim and len(body) > head_size else None


def _parted(apdu: bytes) -> tuple[bytes, bytes | None]:
    """Return command and answer; a fifth byte of 0, which is there for Wireshark, is taken off."""
    size = apdu[4] if len(apdu) >= HEAD else 0
    end = HEAD + size
    if end > len(apdu):  # its fifth byte was the length of what was expected
        end = HEAD
    command = apdu[:4] if end == HEAD else apdu[:end]
    answer = apdu[end:]
    return command, answer if len(answer) >= STATUS_SIZE else None
