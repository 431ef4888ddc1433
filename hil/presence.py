"""Whether the devices that a rack file names are plugged into this machine, or answer."""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hil.discovery import pcsc_readers, serial_ports
from hil.doctor import EXTRA
from hil.form import Problem
from hil.rack import RackFile
from hil.rack_sections import is_own
from scheme.errors import InventoryError, ReaderError

WITHIN_S = 2.0
LIBRARIES = {
    "pn532": ("serial", "pyserial"),
    "fpga": ("serial", "pyserial"),
    "pcsc": ("smartcard", "pyscard"),
}  # of a driver: the module, and the package that has it


def missing(rack: RackFile) -> list[Problem]:
    """Return a problem for each device, library and token that is not there."""
    lines = {resource.url: (resource.line, resource.name) for resource in rack.resources.values()}
    for place in rack.places:
        for key, url in (("reader", place.reader), ("sam", place.sam)):
            if url and not is_own(url):
                lines.setdefault(url, (place.line, key))
    problems = [
        Problem(str(rack.path), line, name, expected, got)
        for url, (line, name) in lines.items()
        for expected, got in _absent(url)
    ]
    problems += _no_library(rack)
    problems += [
        Problem(str(rack.path), 0, f"agents.{agent.name}", f"a token in {agent.token_env}", "none")
        for agent in rack.agents.values()
        if not os.environ.get(agent.token_env)
    ]
    return sorted(problems, key=lambda problem: problem.line)


def check_ready(rack: RackFile) -> None:
    """Return if every device of a rack is there and may be used.

    Raises:
        InventoryError: If a place has a device in quarantine.
        ReaderError: If devices are missing; names all.
    """
    for place in rack.places:
        if place.quarantine:
            raise InventoryError(
                f'{rack.path}:{place.line}: place "{place.name}": expected devices that may be '
                f"used, got one in quarantine, {place.quarantine}; put another in its place"
            )
    problems = missing(rack)
    if problems:
        raise ReaderError("; ".join(str(problem) for problem in problems))


def _no_library(rack: RackFile) -> Iterator[Problem]:
    """Yield a problem for each library that a driver wants and Python has not."""
    uses = [(place.line, url) for place in rack.places for url in (place.reader, place.sam)]
    uses += [(resource.line, resource.url) for resource in rack.resources.values()]
    told: set[str] = set()
    for line, url in sorted(uses):
        scheme = url.partition("://")[0]
        module, package = LIBRARIES.get(scheme.rpartition("+")[2], ("", ""))
        if not module or scheme.startswith("agent+") or package in told:
            continue
        if importlib.util.find_spec(module) is None:
            told.add(package)
            yield Problem(str(rack.path), line, url, f"Python's {package}", f"none; do: {EXTRA}")


def _absent(url: str) -> Iterator[tuple[str, str]]:
    """Yield what was expected behind a URL, and what is there instead."""
    scheme, _, address = url.partition("://")
    driver, place = scheme.rpartition("+")[2], unquote(address.partition("?")[0])
    if scheme.startswith("agent+"):
        yield from _unreachable(urlsplit(url.removeprefix("agent+")).netloc, driver)
    elif driver == "pcsc" and place not in ("", "empty"):
        yield from _no_pcsc(place)
    elif place.startswith("/dev/") and not Path(place).exists():
        there = ", ".join(port.by_id.name for port in serial_ports()) or "none"
        yield f"the device {place}", f"no such; ports with a name that stays: {there}"


def _no_pcsc(wanted: str) -> Iterator[tuple[str, str]]:
    readers = pcsc_readers()
    if readers is None:
        yield f'a PC/SC reader "{wanted}"', "no pcscd that answers; do: jakarta-one rack doctor"
        return
    fitting = [name for name in readers if name == wanted] or [
        name for name in readers if wanted in name
    ]
    if len(fitting) != 1:
        got = f"{len(fitting)} of that name" if fitting else "none"
        yield f'a PC/SC reader "{wanted}"', f"{got}; there are: {', '.join(readers) or 'none'}"


def _unreachable(netloc: str, scheme: str) -> Iterator[tuple[str, str]]:
    host, _, port = netloc.partition(":")
    number = int(port) if port.isdecimal() else {"https": 443}.get(scheme, 80)
    try:
        socket.create_connection((host, number), WITHIN_S).close()
    except OSError as error:
        yield f"an agent at {netloc}", str(error)
