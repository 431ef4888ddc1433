"""APDU traces as pcap, for Wireshark: each exchange a GSMTAP datagram of type SIM to port 4729.

The datagrams never were on a network; their addresses are the loopback's. A command of four bytes
gets the fifth that the dissector expects, a length of 0.

Source: osmocom libosmocore, gsmtap.h (header of 16 bytes, version 2, SIM 4, APDU 0, ATR 1); pcap
file format, draft-ietf-opsawg-pcap (magic of nanoseconds; link type 228 is raw IPv4).
"""

from __future__ import annotations

import struct

PORT = 4729
MAGIC_NS = 0xA1B23C4D
LINKTYPE_IPV4 = 228
SNAPLEN = 0xFFFF
TYPE_SIM, SUBTYPE_APDU = 4, 0
UDP = 17

_FILE = struct.Struct("<IHHiIII")
_PACKET = struct.Struct("<IIII")
_IPV4 = struct.Struct(">BBHHHBBH4s4s")
_UDP = struct.Struct(">HHHH")
_GSMTAP = struct.Struct(">BBBBHbbIBBBB")
_LOOPBACK = bytes((127, 0, 0, 1))

assert (_FILE.size, _PACKET.size, _IPV4.size, _UDP.size, _GSMTAP.size) == (24, 16, 20, 8, 16)


def file_head() -> bytes:
    """Return the first bytes of a pcap file."""
    return _FILE.pack(MAGIC_NS, 2, 4, 0, 0, SNAPLEN, LINKTYPE_IPV4)


def packet(at_ns: int, command: bytes, response: bytes) -> bytes:
    """Return one exchange as a packet of a pcap file.

    Args:
        at_ns: Nanoseconds since 1970, UTC.
        response: The answer with its status word, or nothing if none was heard.
    """
    apdu = (command if len(command) > 4 else command.ljust(5, b"\0")) + response
    head = _GSMTAP.pack(2, _GSMTAP.size // 4, TYPE_SIM, 0, 0, 0, 0, 0, SUBTYPE_APDU, 0, 0, 0)
    datagram = _UDP.pack(PORT, PORT, _UDP.size + len(head) + len(apdu), 0) + head + apdu
    whole = _ipv4(len(datagram)) + datagram
    seconds, rest_ns = divmod(at_ns, 1_000_000_000)
    return _PACKET.pack(seconds, rest_ns, len(whole), len(whole)) + whole


def _ipv4(size: int) -> bytes:
    """Return the IPv4 header of a UDP datagram of that size, its checksum in it (RFC 791)."""

    def header(checksum: int) -> bytes:
        return _IPV4.pack(
            0x45, 0, _IPV4.size + size, 0, 0, 64, UDP, checksum, _LOOPBACK, _LOOPBACK
        )

    total = sum(struct.unpack(">10H", header(0)))
    total = (total & 0xFFFF) + (total >> 16)
    return header(~(total + (total >> 16)) & 0xFFFF)
