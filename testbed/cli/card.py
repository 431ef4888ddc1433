"""`jakarta-one card`: issue, read, decode and judge cards, make test keys, build the CAP."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from testbed.cli.options import Json

if TYPE_CHECKING:
    from hil.keyfile import MasterKeys
    from hil.reader import Reader

CARD_S = 10  # for somebody to put a card on the reader
SEED_MAX = (1 << 63) - 1  # what a card file can name
Url = Annotated[str, typer.Argument(metavar="URL", help="Reader: model://, pcsc://NAME ...")]
Keys = Annotated[
    Path | None, typer.Option("--keys", metavar="FILE", help="Key file of the card's issuer.")
]
TestSeed = Annotated[
    int | None,
    typer.Option("--seed", min=0, max=SEED_MAX, help="Test keys of a seed, not a key file."),
]
Bank = Annotated[str, typer.Option("--bank", metavar="NAME", help="Issuing bank, or its number.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]
Trace = Annotated[
    Path | None, typer.Option("--trace", metavar="FILE", help="Write every exchange to a file.")
]


def make_group() -> typer.Typer:
    """Return the commands about cards."""
    group = typer.Typer(help="Issue, read, decode and judge cards.", no_args_is_help=True)
    group.callback()(_group)
    for command in (issue, read, decode, conformance, keys, build):
        group.command(command.__name__)(command)
    return group


def _group() -> None:
    pass


def issue(
    url: Url,
    bank: Bank = "Bank DKI",
    profile: Annotated[
        str, typer.Option("--profile", help="unregistered, registered, kjp, or a file of yours.")
    ] = "unregistered",
    card: Annotated[
        int, typer.Option("--card", min=1, help="Serial, or a whole card number.")
    ] = 1,
    balance: Annotated[
        int, typer.Option("--balance", min=0, metavar="RP", help="Rupiah on the main purse.")
    ] = 0,
    routine: Annotated[
        int, typer.Option("--routine", min=0, metavar="RP", help="Rupiah on KJP's routine purse.")
    ] = 0,
    periodic: Annotated[
        int, typer.Option("--periodic", min=0, metavar="RP", help="Likewise KJP's periodic one.")
    ] = 0,
    group: Annotated[
        int | None, typer.Option("--group", min=0, help="Free group. [default: the profile's]")
    ] = None,
    issued: Annotated[
        str | None, typer.Option("--issued", metavar="DATE", help="Day of issue. [default: today]")
    ] = None,
    seed: TestSeed = None,
    keys: Keys = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Card file to write.")
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Issue a test card and say what is on it.

    Example: jakarta-one card issue model:// --bank "Bank DKI" --balance 50000 --out card.json
    """
    from hil.words import shipped_names
    from testbed import card_issue as issuing
    from testbed.card_read import Desk
    from testbed.cli.closing import document

    _one_of_two(seed, keys)
    wanted = issuing.Wanted(
        bank, profile, card, _day(issued), balance, routine, periodic, group, seed or 0, keys
    )
    if keys is not None:
        _warn(keys)
    if out is not None:
        issuing.check_out(out, force)
    data = issuing.card_data(wanted)
    with _opened(url) as reader:
        issuing.issue(reader, data)
        reading = Desk(reader).read()
    issuing.check_issued(data, reading)
    if out is not None:
        issuing.write_card(out, data, wanted, force)
    names = shipped_names()
    told = reading.document(names) | {"file": out}
    where = [] if out is None else [f"{'file':<20} {out}; open it again by model://{out}"]
    typer.echo(document(told) if json else "\n".join([*reading.lines(names), *where]))


def read(
    url: Url,
    keys: Keys = None,
    seed: TestSeed = None,
    log: Annotated[bool, typer.Option("--log", help="Read the log too; needs keys.")] = False,
    json: Json = False,
) -> None:
    """Say in words what is on a card; writes nothing on it.

    Example: jakarta-one card read model://card.json --seed 0 --log
    """
    from functools import partial

    from hil.keyfile import keys_of_seed
    from hil.words import shipped_names
    from scheme.errors import BadInputError
    from testbed.card_read import Desk
    from testbed.cli.closing import document

    _one_of_two(seed, keys)
    if log and seed is None and keys is None:
        raise BadInputError.at("--log", expected="--keys FILE or --seed S with it", got="neither")
    held = _file_keys(keys)
    keys_of = held.of if held else None if seed is None else partial(keys_of_seed, seed)
    with _opened(url) as reader:
        reading = Desk(reader, keys_of).read(log=log)
    names = shipped_names()
    typer.echo(document(reading.document(names)) if json else "\n".join(reading.lines(names)))


def decode(
    source: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE|HEX...", help="Trace, pcap, or hex; `-` or none: stdin."),
    ] = None,
    json: Json = False,
) -> None:
    """Say an APDU trace in words: JSON lines of `trace+`, a pcap with GSMTAP, or hex.

    Hex is a command, its answer, the next command, and so on; on stdin one exchange a line.

    Example: jakarta-one card decode 00A4040006F04A4B543101 6A82
    """
    from hil.decode import decode as decoded_of
    from hil.traces import read_exchanges
    from hil.words import shipped_names
    from testbed.cli.closing import document

    told = list(decoded_of(read_exchanges(source or ["-"]), shipped_names()))
    if json:
        rows = [decoded.document() for decoded in told]
        typer.echo(document({"exchanges": len(rows), "trace": rows}))
    else:
        for number, decoded in enumerate(told, 1):
            typer.echo("\n".join(decoded.lines(number)))
        if not told:
            typer.echo("0 exchanges")


def conformance(
    url: Url,
    keys: Keys = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder of record.json, junit.xml.")
    ] = None,
    trace: Trace = None,
    json: Json = False,
) -> None:
    """Run every conformance case on the card of a reader.

    Example: jakarta-one card conformance model:// --json
    """
    from testbed.card_conformance import check_out, judge, sentences, write_record
    from testbed.card_issue import holder_of
    from testbed.cli.closing import document
    from testbed.cli.exits import ExitCode
    from testbed.cli.progress import bars

    if out is not None:
        check_out(out)
    held = _file_keys(keys)
    traced = url if trace is None else _traced(url, trace)
    with bars() as progress, _opened(traced) as reader:
        if held is not None and holder_of(reader) is not None:
            said = "holds to its key-check values and is of no use here: the suite issues"
            typer.echo(f"jakarta-one: {keys}: {said} the cards of {url}", err=True)
        record = judge(reader, held, progress) | {"url": url}
    if out is not None:
        write_record(out, record)
    typer.echo(document(record) if json else "\n".join(sentences(record)))
    raise typer.Exit(ExitCode.failed if record["failed"] else ExitCode.passed)


def keys(
    bank: Bank = "Bank DKI",
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=SEED_MAX, help="Seed of the test keys.")
    ] = 0,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Key file to write.")] = Path(
        "keys.json"
    ),
    force: Force = False,
    json: Json = False,
) -> None:
    """Write a key file of test keys, readable by its owner alone.

    Example: jakarta-one card keys --bank "Bank DKI" --seed 7 --out keys.json
    """
    from hil.keyfile import document_of, keys_of_seed
    from scheme.keys import kcv
    from testbed.card_issue import check_free, write_text
    from testbed.card_profile import bank_number
    from testbed.cli.closing import document

    made = keys_of_seed(seed, bank_number(bank))
    check_free(out, force)
    write_text(out, document_of(made), 0o600)
    values = {role.name: kcv(key).hex() for role, key in made.masters.items()}
    if json:
        told = {"file": out, "issuer": made.issuer, "version": made.version, "kcv": values}
        typer.echo(document(told))
    else:
        listed = ", ".join(f"{role} {value}" for role, value in values.items())
        typer.echo(f"{out}: {made.source} of issuer {made.issuer}; KCV {listed}")


def build(
    sdk: Annotated[
        Path | None, typer.Option("--sdk", metavar="DIR", help="A vendor's Java Card SDK.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the CAP.")] = Path(
        "cap"
    ),
    json: Json = False,
) -> None:
    """Build the CAP file of the applets with a vendor's SDK; none was tried so far.

    Example: jakarta-one card build --sdk JAVA_CARD_SDK
    """
    from testbed.card_build import build as build_cap
    from testbed.cli.closing import document

    cap = build_cap(sdk, out)
    told = f"{cap}: converted by {sdk}; no physical card has been tried"
    typer.echo(document({"cap": cap, "sdk": sdk}) if json else told)


@contextmanager
def _opened(url: str) -> Iterator[Reader]:
    from hil.reader import await_card, open_reader
    from scheme.errors import CardGoneError
    from testbed.card_issue import holder_of

    reader = open_reader(url)
    try:
        if holder_of(reader) is None:
            try:
                await_card(reader, 0)
            except CardGoneError:
                typer.echo(f"jakarta-one: waiting {CARD_S} s for a card in {url}", err=True)
                await_card(reader, CARD_S)
        yield reader
    finally:
        reader.close()


def _traced(url: str, trace: Path) -> str:
    from urllib.parse import quote

    return f"trace+{url}{'&' if '?' in url else '?'}trace={quote(str(trace))}"


def _file_keys(file: Path | None) -> MasterKeys | None:
    """Return the keys of a file, which hold to their KCVs, with a warning if others may read it."""
    if file is None:
        return None
    from hil.keyfile import read_keys

    held = read_keys(file)
    _warn(file)
    return held


def _warn(file: Path) -> None:
    from hil.keyfile import exposure

    if file.is_file() and (words := exposure(file)):
        typer.echo(f"jakarta-one: warning: {words}", err=True)


def _one_of_two(seed: int | None, file: Path | None) -> None:
    from scheme.errors import BadInputError

    if seed is not None and file is not None:
        raise BadInputError.at("keys", expected="--keys FILE or --seed S", got="both")


def _day(given: str | None) -> dt.date:
    from scheme.days import JAKARTA
    from scheme.errors import BadInputError

    if given is None:
        return dt.datetime.now(JAKARTA).date()
    try:
        day = dt.date.fromisoformat(given)
    except ValueError as error:
        raise BadInputError.at("--issued", expected="a date as 2026-12-31", got=given) from error
    if not 2000 <= day.year < 2100:
        raise BadInputError.at("--issued", expected="a date of this century", got=given)
    return day
