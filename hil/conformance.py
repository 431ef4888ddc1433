"""What every purse must answer, whatever it is made of: the same cases behind every URL.

A case meets a fresh card and knows it only by its answers; what must not change is read by SELECT
before and after. These are the cases of one debit dialogue; limits, blocking, the log and loads in
two phases have none here, nor do requirement numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from hil.exchange import Exchange, conduct
from hil.reader import Reader
from hil.readers.model import ModelReader, fresh_challenge
from scheme.apdu import (
    Command,
    Ins,
    Mode,
    Selected,
    Slot,
    authenticate_command,
    challenge_command,
    init_command,
    parse_proved,
    parse_response,
    parse_selected,
    proof_command,
    select_command,
    value_command,
)
from scheme.cryptograms import tac
from scheme.decision import Decision
from scheme.dialogue import Outcome, present
from scheme.errors import PurseRefusedError, RecordError
from scheme.keys import PURSE_AID, Role, TestKeys, card_key
from scheme.presentation import Presentation
from scheme.records import RecordKind
from scheme.sam import IssuerKeys, May, Sam
from scheme.status import Sw, meaning
from scheme.verdicts import Verdict

TERMINAL, SAM, PLACE, AT_MS = 18, 50_000_018, 101, 1_775_000_000_250
AMOUNT_IDR = 2_500
STATES = {RecordKind.debit_transit: bytes(range(29)), RecordKind.debit_parking: bytes(range(7))}
SELECT = select_command(PURSE_AID)
INIT = init_command(Mode.debit, 0, TERMINAL, SAM, bytes(8))
DEBIT = value_command(Ins.debit, Slot.none, 1, PLACE, 1, b"", bytes(8))
CREDIT = DEBIT._replace(ins=Ins.credit)
PROOF = proof_command(0, bytes(8))


class Result(NamedTuple):
    """One case: what was expected of the card, and what came."""

    name: str
    expected: str
    got: str

    @property
    def passed(self) -> bool:
        """Whether the card did what was expected."""
        return self.got == self.expected


Told = tuple[str, str]  # what was expected of the card, and what came


class Refusal(NamedTuple):
    """Commands told to a selected card, of which the last must be refused and change nothing."""

    name: str
    sw: Sw
    commands: tuple[Command | bytes, ...]


def check_purse(reader: Reader, fresh: Callable[[], None], keys: TestKeys) -> list[Result]:
    """Run every case and return the results, in order.

    Args:
        reader: An open reader.
        fresh: Puts a card into its field that has not been told anything yet, with at least
            Rp 10,000 and room for as much.
        keys: The test keys of the card's issuer.

    Raises:
        ReaderError: If the bench fails, which is no verdict on the card.
    """
    fresh()
    selected = _selected(reader)
    bench = _Bench(reader, keys, selected)
    cases: list[tuple[str, Callable[[], Told]]] = [
        *((row.name, partial(_refused, reader, row)) for row in _refusals(selected)),
        *((f"a whole tap of kind {kind.name}", partial(bench.moved, kind)) for kind in RecordKind),
        ("INIT before SELECT", bench.unselected),
        ("a whole tap replayed", bench.replayed),
        ("PROOF, twice", bench.recovered),
        ("PROOF of another counter", bench.unknown_proof),
    ]
    results = []
    for name, case in cases:
        fresh()
        try:
            expected, got = case()
        except (PurseRefusedError, RecordError) as wrong:
            expected, got = "a whole dialogue", str(wrong)
        results.append(Result(name, expected, got))
    return results


def _refusals(selected: Selected) -> Iterator[Refusal]:
    """Return the refusals in the order in which a card looks for them, command by command."""
    over = init_command(Mode.debit, selected.balance + 1, TERMINAL, SAM, bytes(8))
    huge = init_command(Mode.debit, 1 << 31, TERMINAL, SAM, bytes(8))
    load = INIT._replace(p1=Mode.credit)
    huge_load = huge._replace(p1=Mode.credit)
    prove = INIT._replace(p1=Mode.proof)
    rows: list[tuple[str, Sw, tuple[Command | bytes, ...]]] = [
        ("nothing at all", Sw.wrong_length, (b"",)),
        ("a head cut short", Sw.wrong_length, (INIT.encode()[:3],)),
        ("a command cut short", Sw.wrong_length, (INIT.encode()[:-1],)),
        ("a command with bytes behind it", Sw.wrong_length, (INIT.encode() + b"\0\0",)),
        ("an unknown class", Sw.class_unknown, (INIT._replace(cla=0x90),)),
        ("an unknown instruction", Sw.instruction_unknown, (INIT._replace(ins=0x02),)),
        ("a purse command in the class of SELECT", Sw.instruction_unknown, (INIT._replace(cla=0),)),
        ("another application", Sw.application_unknown, (select_command(b"\xf0JKT2"),)),
        ("SELECT by another P1", Sw.wrong_parameters, (SELECT._replace(p1=0),)),
        ("INIT in no mode", Sw.wrong_parameters, (INIT._replace(p1=0),)),
        ("INIT of no purse", Sw.wrong_parameters, (INIT._replace(p2=9),)),
        ("INIT one byte short", Sw.wrong_length, (INIT._replace(data=INIT.data[:-1]),)),
        ("INIT one byte long", Sw.wrong_length, (INIT._replace(data=INIT.data + b"\0"),)),
        ("a debit over the balance", Sw.balance_too_low, (over,)),
        ("a debit of 2^31", Sw.balance_too_low, (huge,)),
        ("a load of 2^31", Sw.limit_exceeded, (huge_load,)),
        ("DEBIT to no slot", Sw.wrong_parameters, (INIT, DEBIT._replace(p2=7))),
        ("DEBIT one byte short", Sw.wrong_length, (INIT, DEBIT._replace(data=DEBIT.data[:-1]))),
        ("DEBIT without INIT", Sw.wrong_state, (DEBIT,)),
        ("DEBIT in a load session", Sw.wrong_state, (load, DEBIT)),
        ("DEBIT in a proof session", Sw.wrong_state, (prove, DEBIT)),
        ("DEBIT with a wrong MAC", Sw.wrong_mac, (INIT, DEBIT)),
        ("DEBIT after a wrong MAC", Sw.wrong_state, (INIT, DEBIT, DEBIT)),
        ("CREDIT to a state slot", Sw.wrong_parameters, (load, CREDIT._replace(p2=Slot.transit))),
        ("CREDIT without INIT", Sw.wrong_state, (CREDIT,)),
        ("CREDIT in a debit session", Sw.wrong_state, (INIT, CREDIT)),
        ("CREDIT with a wrong MAC", Sw.wrong_mac, (load, CREDIT)),
        ("PROOF with a P1", Sw.wrong_parameters, (prove, PROOF._replace(p1=1))),
        ("PROOF one byte short", Sw.wrong_length, (prove, PROOF._replace(data=PROOF.data[:-1]))),
        ("PROOF without INIT", Sw.wrong_state, (PROOF,)),
        ("PROOF in a debit session", Sw.wrong_state, (INIT, PROOF)),
        ("PROOF with a wrong MAC", Sw.wrong_mac, (prove, PROOF)),
        ("a session after SELECT", Sw.wrong_state, (INIT, SELECT, DEBIT)),
    ]
    return (Refusal(*row) for row in rows)


class _Tape:
    """A reader in front of a reader that keeps what the card was told."""

    def __init__(self, inner: Reader) -> None:
        self.told: list[bytes] = []
        self._inner = inner

    def transceive(self, apdu: bytes) -> Exchange:
        self.told.append(apdu)
        return self._inner.transceive(apdu)


class _Bench:
    """Cases that need a SAM that knows the card's issuer."""

    def __init__(self, reader: Reader, keys: TestKeys, selected: Selected) -> None:
        self._reader = reader
        self._was = selected
        issuer, version = selected.issuer, selected.key_version
        self._masters = {role: keys.issuer_master(issuer, role, version) for role in Role}

    def unselected(self) -> Told:
        """Nothing is answered before SELECT."""
        got = _tell(self._reader, INIT)
        return _unchanged(self._reader, Sw.wrong_state, got, self._was)

    def moved(self, kind: RecordKind) -> Told:
        """A whole tap: the TAC holds, and balance, counter and state are as ordered."""
        outcome = self._tapped(kind)
        moved = AMOUNT_IDR if kind is RecordKind.load else -AMOUNT_IDR
        after = self._was._replace(nt=self._was.nt + 1, balance=self._was.balance + moved)
        if kind is RecordKind.debit_transit:
            after = after._replace(transit=STATES[kind])
        if kind is RecordKind.debit_parking:
            after = after._replace(parking=STATES[kind])
        return f"TAC right, {after}", f"TAC {self._tac_of(outcome)}, {_selected(self._reader)}"

    def replayed(self) -> Told:
        """What the card was told once does not move value again."""
        tape = _Tape(self._reader)
        self._tapped(RecordKind.debit, tape)
        self._reader.field_off()
        after = _selected(self._reader)
        got = [_tell(self._reader, apdu) for apdu in tape.told][-1]
        return _unchanged(self._reader, Sw.wrong_mac, got, after)

    def recovered(self) -> Told:
        """The second of two taps proves the first debit, with its TAC, and takes nothing."""
        first = self._tapped(RecordKind.debit)
        after = _selected(self._reader)
        fields: dict[str, Any] = first.record.fields() if first.record else {"nt": 0, "tac": b""}
        answers = [self._proof_of(int(fields["nt"])) for _ in range(2)]
        got = " then ".join("first's" if answer == fields["tac"] else "other" for answer in answers)
        change = _changed(self._reader, after)
        return "first's then first's", got + change

    def unknown_proof(self) -> Told:
        """A counter that the card's last transaction does not have is not proved."""
        got = self._proof_of(self._was.nt + 5)
        said = meaning(got) if isinstance(got, int) else "a TAC"
        return meaning(Sw.proof_unknown), said + _changed(self._reader, self._was)

    def _tapped(self, kind: RecordKind, over: _Tape | None = None) -> Outcome:
        decision = Decision(Verdict.accepted, AMOUNT_IDR, kind, STATES.get(kind, b""))
        presented = Presentation(TERMINAL, PLACE, AT_MS, 1, 0, 1, bytes(12))
        dialogue = present(presented, lambda _: decision)
        outcome, _ = conduct(dialogue, over or self._reader, self._sam())
        return outcome

    def _proof_of(self, nt: int) -> bytes | int:
        """Return the TAC that PROOF of a counter tells, or the status word that refuses it."""
        sam = self._sam()
        challenge = parse_response(sam.transceive(challenge_command().encode()).response).data[:8]
        said = parse_response(self._reader.transceive(SELECT.encode()).response).data
        init = init_command(Mode.proof, 0, TERMINAL, SAM, challenge)
        answer = parse_response(self._reader.transceive(init.encode()).response).data
        ask = authenticate_command(said + init.data + answer, Ins.proof, body=nt.to_bytes(4, "big"))
        mac = parse_response(sam.transceive(ask.encode()).response).data
        proof = parse_response(self._reader.transceive(proof_command(nt, mac).encode()).response)
        return parse_proved(proof.data).tac if proof.sw == Sw.ok else proof.sw

    def _tac_of(self, outcome: Outcome) -> str:
        if outcome.record is None:
            return "missing"
        was, master = self._was, self._masters[Role.tac]
        key = card_key(master, Role.tac, was.card, was.issuer, was.key_version)
        return (
            "right"
            if tac(key, outcome.record.card_part) == outcome.record.fields()["tac"]
            else "wrong"
        )

    def _sam(self) -> ModelReader:
        issuer, version = self._was.issuer, self._was.key_version
        masters = {
            IssuerKeys(issuer, role, version): self._masters[role]
            for role in (Role.debit, Role.load)
        }
        may = May.debit | May.transit | May.parking | May.load
        reader = ModelReader("empty", Sam(SAM, TERMINAL, masters, may, fresh_challenge))
        reader.open()
        return reader


def _refused(reader: Reader, refusal: Refusal) -> Told:
    was = _selected(reader)
    got = [_tell(reader, command) for command in refusal.commands][-1]
    return _unchanged(reader, refusal.sw, got, was)


def _tell(reader: Reader, command: Command | bytes) -> int:
    apdu = command if isinstance(command, bytes) else command.encode()
    return parse_response(reader.transceive(apdu).response).sw


def _selected(reader: Reader) -> Selected:
    return parse_selected(parse_response(reader.transceive(SELECT.encode()).response).data)


def _unchanged(reader: Reader, sw: Sw, got: int, was: Selected) -> Told:
    return meaning(sw), meaning(got) + _changed(reader, was)


def _changed(reader: Reader, was: Selected) -> str:
    """Return what SELECT says that it did not say before, empty if nothing."""
    now = _selected(reader)
    fields = zip(Selected._fields, was, now, strict=True)
    changed = [
        f"{name} {before!r} -> {after!r}" for name, before, after in fields if before != after
    ]
    return f" and {', '.join(changed)}" if changed else ""
