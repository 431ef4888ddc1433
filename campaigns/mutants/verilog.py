"""Every small defect that a rule here can make of Verilog: one operator, number, bit or reset each.

Rules work on lines without their comments. What does not compile is no mutant; what cannot be told
from the original is listed in tests/planted/rtl/equivalent.yaml with the reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FLIPPED = {
    "==": "!=", "!=": "==", "<": ">=", ">": "<", ">=": "<", "&&": "||", "||": "&&",
    "+": "-", "-": "+", "&": "|", "|": "&", "^": "|",
}  # fmt: skip
OPERATOR = re.compile(r"(?<= )(==|!=|>=|<|>|&&|\|\||\+|-|&|\||\^)(?= )")
COMPARED = re.compile(r"(?<= )<=(?= 32'd1)")  # elsewhere it is an assignment
NEGATED = re.compile(r"!(?=[\w(])(?!=)")
NUMBER = re.compile(r"\b(\d+)'d(\d+)")
ASSIGNED = re.compile(r"^(.*?[\w\]}] <= )(.+);$")
RESET = re.compile(r"(?<=if \()reset\b")
VALUE = re.compile(r"^\d+'([bdh])([\dA-Fa-f]+)$")
NAMED = re.compile(r"\b([A-Z]\w*) = (\d+'[bdh][\dA-Fa-f]+)[,;]")
BASE = {"b": 2, "d": 10, "h": 16}
CONSTANT = re.compile(r"^\w+ <= (?:\d+'[bdh][\dA-F]+|[A-Z_]+);$")
DECLARES = ("parameter", "localparam", "reg ", "input", "output", "integer", "`", "module", "for ")


class Mutant(NamedTuple):
    """One line of one file changed.

    Attributes:
        nth: The how-manieth line of this text in its file, from 1.
    """

    file: str
    line: int
    nth: int
    rule: str
    before: str
    after: str

    @property
    def name(self) -> str:
        """What it is, in one line."""
        return f"{self.file}:{self.line}: {self.rule}: {self.before} -> {self.after}"

    def apply(self, text: str) -> str:
        """Return a file's text with its line changed."""
        lines = text.splitlines(keepends=True)
        was = lines[self.line - 1]
        assert self.before in was, self
        lines[self.line - 1] = was.replace(self.before, self.after, 1)
        return "".join(lines)


def mutants(folder: Path) -> list[Mutant]:
    """Return every mutant of the Verilog in a folder, in order of file and line."""
    found: list[Mutant] = []
    shared = _named((folder / "regs.vh").read_text("utf-8"))
    for path in sorted(folder.glob("*.v")):
        seen: Counter[str] = Counter()
        in_reset = False
        text = path.read_text("utf-8")
        named = {**shared, **_named(text)}
        for number, line in enumerate(text.splitlines(), 1):
            code = line.partition("//")[0].strip()
            in_reset = _in_reset(in_reset, code)
            seen[code] += 1
            for rule, after in _changed(code, in_reset, named):
                if after != code:
                    mutant = Mutant(path.name, number, seen[code], rule, code, after)
                    found.append(mutant)
    return found


def _in_reset(before: bool, code: str) -> bool:
    """Return whether a line stands in the branch that a reset takes."""
    if code.startswith("if (reset") and code.endswith("begin"):
        return True
    return before and not code.startswith("end")


def _changed(code: str, in_reset: bool, named: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Yield the rule and the new line of each mutant of a line."""
    if code.startswith(DECLARES):
        return
    for found in OPERATOR.finditer(code):
        yield "flipped operator", _put(code, found, FLIPPED[found[0]])
    for found in COMPARED.finditer(code):
        yield "flipped operator", _put(code, found, ">")
    for found in NEGATED.finditer(code):
        yield "flipped operator", _put(code, found, "")
    for found in NUMBER.finditer(code):
        more = (int(found[2]) + 1) % (1 << int(found[1]))
        yield "off by one", _put(code, found, f"{found[1]}'d{more}")
    for found in RESET.finditer(code):
        yield "dropped reset", _put(code, found, "1'b0")
    if in_reset and CONSTANT.match(code):
        yield "dropped reset", ";"
    elif assigned := ASSIGNED.match(code):
        constant = _value(assigned[2], named)
        stuck = None if constant is None else constant % 2
        if stuck != 1:
            yield "stuck bit", f"{assigned[1]}({assigned[2]}) | 1'b1;"
        if stuck != 0:
            yield "stuck bit", f"{assigned[1]}({assigned[2]}) & ~1;"


def _put(code: str, found: re.Match[str], text: str) -> str:
    return code[: found.start()] + text + code[found.end() :]


def _named(text: str) -> dict[str, int]:
    """Return the constants that a text names."""
    values = {name: _value(value, {}) for name, value in NAMED.findall(text)}
    return {name: value for name, value in values.items() if value is not None}


def _value(text: str, named: dict[str, int]) -> int | None:
    """Return the value of a constant, or None for what is none."""
    if found := VALUE.match(text):
        return int(found[2], BASE[found[1]])
    return named.get(text)
