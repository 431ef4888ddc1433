"""What a bench here could be made of: readers, ports and drivers, as the start of a rack file."""

from __future__ import annotations

import re
from typing import Any

from hil.discovery import pcsc_readers, serial_ports
from hil.drivers import KINDS, part_drivers
from hil.reader import drivers

VIRTUAL = {
    "model://empty": "Python cards in this process",
    "java://empty": "the Java Card applets in a JVM",
    "vpcd://empty": "virtual cards over vpcd's wire, without pcscd",
    "pcsc://empty": "virtual cards behind a pcscd; a machine has two such slots",
    "pn532://empty": "Python cards behind an emulated PN532 on a pty",
}
SERIAL_IN_NAME = re.compile(r"\(([^()]{4,})\)")  # how libccid names a reader with a serial number


def scan() -> dict[str, Any]:
    """Return what is there: `pcsc` names, `ports`, `virtual` URLs, `drivers` by kind."""
    return {
        "pcsc": pcsc_readers() or [],
        "ports": [
            {"by_id": port.by_id.name, "device": str(port.device)} for port in serial_ports()
        ],
        "virtual": dict(VIRTUAL),
        "drivers": {
            kind: list(drivers() if kind == "reader" else part_drivers(kind)) for kind in KINDS
        },
    }


def snippet(found: dict[str, Any]) -> str:
    """Return what was found as the resources of a rack file, with virtual readers as comments."""
    lines = ["format: jakarta-one/rack/2", "title: What was found here", "resources:"]
    for name in found["pcsc"]:
        serial = SERIAL_IN_NAME.search(name)
        twice = serial and sum(serial[1] in other for other in found["pcsc"]) > 1
        how = f'serial: "{serial[1]}"' if serial and not twice else f'url: "pcsc://{name}"'
        lines += _resource(name, "reader", how)
    for port in found["ports"]:
        lines += _resource(port["by_id"], "reader", f'by_id: "{port["by_id"]}"')
    if lines[-1] == "resources:":
        lines[-1] = "# resources: nothing is plugged in that has a serial number"
    lines += [f"# reader or sam of a place: {url}  # {what}" for url, what in VIRTUAL.items()]
    lines += [f"# {kind} drivers: {', '.join(names)}" for kind, names in found["drivers"].items()]
    return "\n".join([*lines, "places: []  # at least one: docs/spec/rack.md"])


def _resource(name: str, kind: str, how: str) -> list[str]:
    """Return a resource's lines; a second of its name would be told by `rack check`."""
    short = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return [f"  {short}:", f"    kind: {kind}", f"    {how}", "    simulated: false"]
