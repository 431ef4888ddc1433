"""Make the Python constants, the Verilog header and the spec's tables from regs.yaml.

Nothing is decided here: every number and every sentence comes from that file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "regs.yaml"
PYTHON = HERE / "regs.py"
HEADER = HERE / "rtl" / "regs.vh"
SPEC = HERE.parents[1] / "docs" / "spec" / "rack.md"
BEGIN, END = "<!-- begin: from hil/fpga/regs.yaml -->", "<!-- end: from hil/fpga/regs.yaml -->"
NUMBERED = {"commands": "code", "errors": "code", "sources": "number", "tear_states": "number"}
CLASSES = {
    "commands": ("Command", "What a host may ask."),
    "errors": ("ErrorCode", "Why a request was refused, in the order of the checks."),
    "sources": ("Source", "What triggers a tear, starts or stops a latency."),
    "tear_states": ("TearState", "What the tear unit does."),
}

Table = dict[str, dict[str, Any]]


def load() -> dict[str, Table]:
    """Return regs.yaml as it stands."""
    made: dict[str, Table] = YAML(typ="safe").load(SOURCE.read_text("utf-8"))
    return made


def python(source: dict[str, Table]) -> str:
    """Return regs.py."""
    lines = [
        '"""The FPGA\'s numbers for Python. Made from regs.yaml by `python -m hil.fpga regs`."""',
        "",
        "from __future__ import annotations",
        "",
        "from enum import IntEnum, IntFlag",
        "from typing import NamedTuple",
        "",
    ]
    for name, constant in source["constants"].items():
        lines.append(f"{name} = {_shown(constant['value'])}")
    for key, (title, meaning) in CLASSES.items():
        lines += ["", "", f"class {title}(IntEnum):", f'    """{meaning}"""', ""]
        lines += [f"    {name} = {row[NUMBERED[key]]}" for name, row in source[key].items()]
    lines += ["", "", "class Mark(IntFlag):", '    """What happened besides the inputs."""', ""]
    lines += [f"    {name} = {1 << row['bit']:#04x}" for name, row in source["marks"].items()]
    lines += [*_python_registers(source["registers"])]
    return "\n".join(lines) + "\n"


def _python_registers(registers: Table) -> Iterator[str]:
    yield from ("", "", "class Reg(IntEnum):", '    """Addresses of the registers."""', "")
    for name, row in registers.items():
        yield f"    {name} = {row['address']:#04x}"
    for name, row in registers.items():
        if "fields" not in row:
            continue
        yield from ("", "", f"class {name.title()}(IntFlag):")
        yield from (f'    """Bits of register {name}."""', "")
        for field, at in row["fields"].items():
            mask = ((1 << at.get("bits", 1)) - 1) << at["bit"]
            yield f"    {field.upper()} = {mask:#04x}"
    yield from ("", "", "class Shape(NamedTuple):", '    """What a register is like."""', "")
    yield from ("    width: int", "    readable: bool", "    writable: bool", "    reset: int")
    yield from ("", "", "SHAPES = {")
    for name, row in registers.items():
        access = f"{'r' in row['access']}, {'w' in row['access']}"
        yield f"    Reg.{name}: Shape({row['width']}, {access}, {row.get('reset', 0)}),"
    yield "}"
    yield from ("", "COMMAND_BODIES = {")
    for name, row in load()["commands"].items():
        yield f"    Command.{name}: {row['body']},"
    yield "}"


def verilog(source: dict[str, Table]) -> str:
    """Return rtl/regs.vh: local parameters, to be included inside a module."""
    made = "Made from regs.yaml by `python -m hil.fpga regs`."
    lines = [f"// The FPGA's numbers for Verilog. {made}", ""]
    sizes = {"ID": 32}
    for name, constant in source["constants"].items():
        size = sizes.get(name, 8)
        lines.append(f"localparam [{size - 1}:0] {name} = {size}'h{constant['value']:x};")
    for key, prefix, size in (
        ("commands", "COMMAND", 8),
        ("errors", "ERROR", 8),
        ("sources", "SOURCE", 5),
        ("tear_states", "TEAR", 2),
    ):
        lines.append("")
        for name, row in source[key].items():
            value = row[NUMBERED[key]]
            lines.append(f"localparam [{size - 1}:0] {prefix}_{name} = {size}'d{value};")
    lines.append("")
    for name, row in source["commands"].items():
        lines.append(f"localparam [3:0] BODY_{name} = 4'd{row['body']};")
    lines.append("")
    for name, row in source["marks"].items():
        lines.append(f"localparam MARK_{name} = {row['bit']};")
    lines.append("")
    for name, row in source["registers"].items():
        lines.append(f"localparam [7:0] REG_{name} = 8'h{row['address']:02x};")
    for name, row in source["registers"].items():
        if "w" in row["access"]:
            mask = (1 << row["width"]) - 1
            lines.append(f"localparam [31:0] MASK_{name} = 32'h{mask:x};")
        if "reset" in row:
            lines.append(
                f"localparam [{row['width'] - 1}:0] RESET_{name} = {row['width']}'d{row['reset']};"
            )
        for field, at in row.get("fields", {}).items():
            lines.append(f"localparam {name}_{field.upper()} = {at['bit']};")
    return "\n".join(lines) + "\n"


def tables(source: dict[str, Table]) -> str:
    """Return the tables of the spec, in Markdown."""
    parts = [
        _markdown(
            ("command", "code", "request body", "answer body"),
            [
                (name, f"{row['code']:02X}", row.get("asks", "nothing"), row["answer"])
                for name, row in source["commands"].items()
            ],
        ),
        _markdown(
            ("error", "code", "when"),
            [(name, str(row["code"]), row["meaning"]) for name, row in source["errors"].items()],
        ),
        _markdown(
            ("register", "address", "access", "bits", "after reset", "meaning"),
            list(_register_rows(source["registers"])),
        ),
        _markdown(
            ("source", "number", "meaning"),
            [(name, str(row["number"]), row["meaning"]) for name, row in source["sources"].items()],
        ),
        _markdown(
            ("mark", "bit", "meaning"),
            [(name, str(row["bit"]), row["meaning"]) for name, row in source["marks"].items()],
        ),
        _markdown(
            ("tear state", "number", "meaning"),
            [(n, str(row["number"]), row["meaning"]) for n, row in source["tear_states"].items()],
        ),
        _markdown(
            ("constant", "value", "meaning"),
            [(n, _shown(row["value"]), row["meaning"]) for n, row in source["constants"].items()],
        ),
    ]
    return "\n\n".join(parts)


def spec(text: str, source: dict[str, Table]) -> str:
    """Return the spec with its tables made anew between the two marks.

    Raises:
        ValueError: If it does not hold both marks once.
    """
    before, found, rest = text.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed or BEGIN in after or END in after:
        raise ValueError(f"{SPEC}: expected {BEGIN} and {END} once each")
    return f"{before}{BEGIN}\n\n{tables(source)}\n\n{END}{after}"


def write() -> list[Path]:
    """Write all three; return what was written."""
    source = load()
    PYTHON.write_text(python(source), "utf-8")
    HEADER.write_text(verilog(source), "utf-8")
    SPEC.write_text(spec(SPEC.read_text("utf-8"), source), "utf-8")
    return [PYTHON, HEADER, SPEC]


def _register_rows(registers: Table) -> Iterator[tuple[str, ...]]:
    for name, row in registers.items():
        reset = _shown(row["reset"]) if "reset" in row else "–"
        address = f"{row['address']:02X}"
        yield name, address, row["access"], str(row["width"]), reset, row["meaning"]
        for field, at in row.get("fields", {}).items():
            last = at["bit"] + at.get("bits", 1) - 1
            bits = str(at["bit"]) if last == at["bit"] else f"{at['bit']}–{last}"
            yield f"{name}.{field}", "", "", bits, "", at["meaning"]


def _markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    ruled = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in ruled)


def _shown(value: int) -> str:
    """Return a small number in decimal and one made of bits in hex."""
    return str(value) if value < 20 or value % 1000 == 0 else f"0x{value:X}"
