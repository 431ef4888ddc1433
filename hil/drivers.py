"""The door to bench parts that are no readers: a kind and a URL in, a power, gate or timer out.

    sim://              a gate, or a power switch, that is a program
    fpga://PORT         the timer of hil/fpga: a serial port, model: or cocotb:

Drivers of others come by the entry point `jakarta_one.drivers`, named KIND.NAME; each is a callable
that takes the address behind `://` and returns a part of `hil.protocols`, not opened yet.
"""

from __future__ import annotations

import difflib
from importlib.metadata import entry_points

from hil.parts import SimulatedGate, SimulatedPower
from hil.protocols import PROTOCOLS, Part
from scheme.errors import InventoryError, ReaderError

ENTRY_POINT = "jakarta_one.drivers"
KINDS = ("reader", *PROTOCOLS)
SHIPPED = {"power": ("sim",), "gate": ("sim",), "timer": ("fpga",)}
SIMULATED_PORTS = ("model:", "cocotb:")


def part_drivers(kind: str) -> tuple[str, ...]:
    """Return the names of all drivers of a kind, ours first."""
    named = [point.name for point in entry_points(group=ENTRY_POINT)]
    others = (name.removeprefix(f"{kind}.") for name in named if name.startswith(f"{kind}."))
    return SHIPPED[kind] + tuple(sorted(others))


def check_part_url(kind: str, url: str) -> None:
    """Raise InventoryError unless a driver of that kind answers for a URL."""
    name, separator, _ = url.partition("://")
    known = part_drivers(kind)
    if not separator:
        raise InventoryError(f'{kind} "{url}": expected a URL such as {known[0]}://, got no "://"')
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise InventoryError(f'no {kind} driver "{name}"; there are: {", ".join(known)}{hint}')


def is_simulated_part(url: str) -> bool:
    """Return whether a part's URL names a program."""
    driver, _, address = url.partition("://")
    return driver == "sim" or (driver == "fpga" and address.startswith(SIMULATED_PORTS))


def open_part(kind: str, url: str, time_scale: float = 1.0) -> Part:
    """Return the part of a kind and a URL, open.

    Args:
        time_scale: What the rack file says of its time limits.

    Raises:
        InventoryError: If no driver is of that name; names those there are.
        ReaderError: If it could not be opened, or its driver's part is none of the kind.
    """
    check_part_url(kind, url)
    part = _made(kind, url, time_scale)
    part.open()
    if not isinstance(part, PROTOCOLS[kind]):  # asked of an open part: its properties may want that
        part.close()
        raise ReaderError(
            f'{kind} "{url}": expected a part with what hil.protocols asks of a {kind}, '
            f"got {type(part).__name__}"
        )
    return part


def _made(kind: str, url: str, time_scale: float) -> Part:
    name, _, address = url.partition("://")
    if name == "sim":
        return SimulatedGate(address) if kind == "gate" else SimulatedPower(address)
    if name == "fpga":
        from hil.fpga.timer import FpgaTimer  # which wants pyserial

        return FpgaTimer(address, time_scale)
    (point,) = entry_points(group=ENTRY_POINT, name=f"{kind}.{name}")
    made: Part = point.load()(address)
    return made
