"""A file of faults by the clock: what breaks on the bench when, and when it is whole again.

    format: jakarta-one/faults/1
    title: An evening without an office
    network: {listen: "127.0.0.1:8700", to: "127.0.0.1:8600"}
    device: {command: [python, -m, hil.validator, --config, till.yaml], control: "127.0.0.1:7002"}
    actions:
      - {at_s: 1, network: down, for_s: 5}
      - {at_s: 8, network: slow, ms: 300, for_s: 5}
      - {at_s: 15, clock_ms: 90000}
      - {at_s: 20, power_off_s: 2}

The device connects to `listen` as if that were its office. Reader faults are in the URL of a place.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from hil.faults.device import Powered, put_clock_wrong
from hil.faults.evidence import FaultLog, counts
from hil.faults.network import Network, Way
from hil.form import Fields, Form
from scheme.errors import BadInputError

FORMAT = "jakarta-one/faults/1"
DAY_S = 86_400.0
YEAR_MS = 31_536_000_000
WAYS = tuple(way.value for way in Way)
NEEDS = {"network": "network", "clock_ms": "device.control", "power_off_s": "device.command"}
DOES = tuple(NEEDS)
Where = tuple[str, int]
Progress = Callable[[int, int], None]


class Action(NamedTuple):
    """One fault by the clock.

    Attributes:
        does: One of `DOES`.
        number: Of a slow network milliseconds, of a clock milliseconds, of power seconds off.
        for_s: How long a network stays broken.
    """

    at_s: float
    does: str
    way: str
    number: float
    for_s: float

    @property
    def until_s(self) -> float:
        """When it is whole again."""
        return self.at_s + (self.number if self.does == "power_off_s" else self.for_s)


class Actions(NamedTuple):
    """A file of faults."""

    title: str
    listen: Where | None
    to: Where | None
    command: tuple[str, ...]
    control: Where | None
    actions: tuple[Action, ...]


def load_actions(path: Path) -> Actions:
    """Return the faults of a file; raises BadInputError, which names every mistake in it."""
    form = Form(path)
    top = form.mapping(
        form.parsed("file of faults"), 1, "document", ("format", "title", "actions"),
        ("network", "device"),
    )  # fmt: skip
    read = _read(form, top) if top is not None and top.member("format", (FORMAT,)) else None
    if form.problems or read is None:
        raise BadInputError("; ".join(str(problem) for problem in form.problems))
    return read


def _read(form: Form, top: Fields) -> Actions:
    listen = to = control = None
    command: tuple[str, ...] = ()
    if "network" in top:
        fields = form.mapping(top.raw("network"), top.line("network"), "network", ("listen", "to"))
        if fields is not None:
            listen, to = _where(fields, "listen"), _where(fields, "to")
    if "device" in top:
        fields = form.mapping(
            top.raw("device"), top.line("device"), "device", (), ("command", "control")
        )
        if fields is not None:
            control = _where(fields, "control")
            rows = form.rows(fields.raw("command") or [], fields.line("command"), "command")
            command = tuple(str(word) for _, word in rows) if "command" in fields else ()
    actions = []
    for line, node in form.rows(top.raw("actions"), top.line("actions"), "actions"):
        fields = form.mapping(node, line, "action", ("at_s",), (*DOES, "ms", "for_s"))
        if fields is not None:
            actions.append(_action(fields, listen, control, command))
    actions.sort(key=lambda action: action.at_s)
    for what in ("network", "power_off_s"):
        ends_s = -1.0
        for action in (action for action in actions if action.does == what):
            if action.at_s <= ends_s:
                top.wrong("actions", f"{what} once at a time", f"two at {action.at_s:g} s")
            ends_s = max(ends_s, action.until_s)
    return Actions(top.text("title"), listen, to, command, control, tuple(actions))


def _action(
    fields: Fields, listen: Where | None, control: Where | None, command: tuple[str, ...]
) -> Action:
    does = [name for name in DOES if name in fields]
    if len(does) != 1:
        fields.wrong("at_s", f"one of {', '.join(DOES)}", f"{len(does)} of them")
        return Action(0, "", "", 0, 0)
    (what,) = does
    needed = {"network": listen, "clock_ms": control, "power_off_s": command}[what]
    if not needed:
        fields.wrong(what, f"`{NEEDS[what]}` above", "none")
    at_s, for_s = fields.number("at_s", 0, DAY_S, 0), fields.number("for_s", 0, DAY_S, 1)
    way = fields.member("network", WAYS)
    if what == "network":
        number = fields.number("ms", 0, 600_000, 0)
    elif what == "clock_ms":
        number = fields.number("clock_ms", -YEAR_MS, YEAR_MS, 0)
    else:
        number = fields.number("power_off_s", 0, DAY_S, 0)
    return Action(at_s, what, way, number, for_s)


def _where(fields: Fields, key: str) -> Where | None:
    if key not in fields:
        return None
    host, colon, port = fields.text(key).rpartition(":")
    if not (host and colon and port.isdecimal() and 0 < int(port) < 1 << 16):
        fields.wrong(key, "HOST:PORT", fields.raw(key))
        return None
    return host, int(port)


class Stage:
    """What the actions act on, while they run."""

    def __init__(self, asked: Actions) -> None:
        """Start network and device; raises EnvironmentFaultError if either cannot be."""
        self._asked = asked
        self._clocks = FaultLog()
        self._device = Powered(asked.command) if asked.command else None
        self._network: Network | None = None
        if asked.to is not None and asked.listen is not None:
            self._network = Network(asked.to, asked.listen)
        if self._device is not None:
            try:
                self._device.switch_on()
            except OSError:
                self.close()
                raise

    def logs(self) -> list[FaultLog]:
        """Return every log."""
        return [self._clocks] + [unit.log for unit in (self._network, self._device) if unit]

    def close(self) -> None:
        """Mend and end everything."""
        if self._network is not None:
            self._network.close()
        if self._device is not None:
            self._device.switch_off()

    def begin(self, action: Action) -> None:
        """Have an action happen."""
        if action.does == "network":
            assert self._network is not None
            self._network.arm(Way(action.way), int(action.number))
        elif action.does == "power_off_s":
            assert self._device is not None
            self._device.cut_power()
        else:
            assert self._asked.control is not None
            put_clock_wrong(self._clocks, self._asked.control, int(action.number))

    def end(self, action: Action) -> None:
        """Have it be whole again."""
        if action.does == "network" and self._network is not None:
            self._network.mend()
        elif action.does == "power_off_s" and self._device is not None:
            self._device.switch_on()


def run(asked: Actions, progress: Progress) -> dict[str, Any]:
    """Carry out the faults of a file; return the evidence, INVALID if one did not fire."""
    steps = []
    for action in asked.actions:
        steps += [(action.at_s, True, action), (action.until_s, False, action)]
    steps.sort(key=lambda step: step[0])
    stage, begun_s = Stage(asked), time.monotonic()
    try:
        for at, (at_s, begins, action) in enumerate(steps):
            time.sleep(max(0.0, begun_s + at_s - time.monotonic()))
            (stage.begin if begins else stage.end)(action)
            progress(at + 1, len(steps))
    finally:
        stage.close()
    logs = stage.logs()
    counted = counts(logs)
    evidence = [row for log in logs for row in log.document()]
    evidence.sort(key=lambda row: int(row["armed_ns"]))
    verdict = "PASS" if counted["armed"] == counted["fired"] else "INVALID"
    return {
        "format": FORMAT, "title": asked.title, "faults": counted, "verdict": verdict,
        "evidence": evidence,
    }  # fmt: skip
