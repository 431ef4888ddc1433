"""What is plugged into this machine: serial ports by their names that stay, and PC/SC readers.

A port is known by its link in /dev/serial/by-id and a PC/SC reader by its name, in which the serial
number of its USB stands; never by a number that depends on the order of plugging in.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from scheme.errors import ReaderError

BY_ID = Path("/dev/serial/by-id")


class Port(NamedTuple):
    """A serial port: the link that stays, and the device that it leads to today."""

    by_id: Path
    device: Path


def serial_ports(folder: Path = BY_ID) -> list[Port]:
    """Return the serial ports that have a name that stays."""
    if not folder.is_dir():
        return []
    return [Port(link, link.resolve()) for link in sorted(folder.iterdir())]


def port_of_serial(serial: str, folder: Path = BY_ID) -> Path | None:
    """Return the one port in whose name a serial number stands, None if none or several do."""
    fitting = [port.by_id for port in serial_ports(folder) if serial in port.by_id.name]
    return fitting[0] if len(fitting) == 1 else None


def pcsc_readers() -> list[str] | None:
    """Return the names of PC/SC readers; None if no pcscd answers, or pyscard is not there."""
    from hil.pcscd import answers

    try:
        from hil.readers.pcsc import names
    except ReaderError:
        return None
    return names() if answers() else None
