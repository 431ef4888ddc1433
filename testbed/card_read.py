"""What is on the card in a reader, in words: SELECT, the purses, the log; nothing is written.

Without keys a card says who it is and what it holds, and proves nothing. With keys it proves
itself to a SAM made of them; keys are held to the card's issuer and version first, and the card is
given at most one MAC, after its own was right: a wrong one counts on the card for good.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hil.keyfile import MasterKeys
from hil.reader import Reader
from hil.words import (
    PROFILES,
    PURSES,
    Names,
    card_words,
    day_words,
    flag_words,
    member_words,
    parking_words,
    second_words,
    status_words,
    transit_words,
)
from scheme.apdu import (
    LOG_RECORDS,
    MAIN_PURSE,
    Command,
    Ins,
    Mode,
    PurseNumber,
    Response,
    Selected,
    authenticate_command,
    challenge_command,
    confirm_command,
    init_command,
    log_command,
    parse_logged,
    parse_response,
    parse_selected,
    select_command,
)
from scheme.cryptograms import KEY_SIZE, MAC_SIZE
from scheme.errors import PurseRefusedError, RecordError
from scheme.keys import IDENTITY_AID, PURSE_AID, Role
from scheme.layouts import INIT_ANSWER, SAM_CHALLENGE
from scheme.money import rupiah
from scheme.records import RecordKind
from scheme.sam import IssuerKeys, May, Sam
from scheme.sam_personalisation import SamData, make_sam
from scheme.status import Sw, meaning

KeysOf = Callable[[int, int], MasterKeys]  # issuer and key version, as the card says them

# A desk is no terminal of the plan; the numbers only have to be the same in SAM and INIT.
DESK_TERMINAL, DESK_SAM = 0, 0


@dataclass(frozen=True)
class Reading:
    """What a card said.

    Attributes:
        purses: Balance by purse, None for one that this card does not have or would not tell.
        identity: Whether the identity application answers.
        locked: Whether it opens no session any more, after too many wrong MACs.
        proven_by: Which keys the card proved itself under, empty if it was not asked to.
        log: Entries of the log, latest first; None if it was not asked for.
    """

    selected: Selected
    purses: dict[int, int | None]
    identity: bool
    locked: bool = False
    proven_by: str = ""
    log: tuple[dict[str, Any], ...] | None = None

    def lines(self, names: Names) -> list[str]:
        """Return what is on the card, a line a fact."""
        said = self.selected
        rows = [
            ("card", f"{card_words(said.card)}, issued by {names.bank(said.issuer)}"),
            ("class", PROFILES.get(said.profile, f"unknown {said.profile}")),
            ("status", status_words(said.status)),
            ("expiry", day_words(said.expiry)),
            ("group", _group_words(said, names)),
            ("balance", rupiah(said.balance)),
            *((PURSES[n], rupiah(idr)) for n, idr in self._aid() if idr is not None),
            *(("transit", sentence) for sentence in transit_words(said.transit, names)),
            ("parking", parking_words(said.parking, names)),
            ("identity", "on the card" if self.identity else "not on the card"),
            ("counter", f"NT {said.nt}, key version {said.key_version}"),
            ("flags", flag_words(said.flags)),
            *([("locked", "after too many wrong MACs; its issuer unlocks it")] * self.locked),
            ("proof", f"holds, by {self.proven_by}" if self.proven_by else "not asked: no keys"),
        ]
        lines = [f"{name:<20} {words}" for name, words in rows]
        if self.log is not None:
            lines.append(f"{'log':<20} {len(self.log)} of at most {LOG_RECORDS} entries")
            lines += [f"  {_log_words(entry, names)}" for entry in self.log]
        return lines

    def _aid(self) -> list[tuple[int, int | None]]:
        return [(n, idr) for n, idr in self.purses.items() if n != PurseNumber.main]

    def document(self, names: Names) -> dict[str, Any]:
        """Return it for a machine."""
        said = self.selected
        log = None if self.log is None else [_log_document(entry, names) for entry in self.log]
        return {
            "card": str(said.card), "issuer": said.issuer, "bank": names.bank(said.issuer),
            "class": PROFILES.get(said.profile, str(said.profile)), "status": said.status,
            "active": not said.status, "expiry": day_words(said.expiry), "group": said.group,
            "group_expiry": day_words(said.group_expiry), "balance_idr": said.balance,
            "routine_idr": self.purses.get(PurseNumber.kjp_routine),
            "periodic_idr": self.purses.get(PurseNumber.kjp_periodic),
            "transit": transit_words(said.transit, names),
            "parking": parking_words(said.parking, names), "identity": self.identity,
            "nt": said.nt, "key_version": said.key_version, "flags": said.flags,
            "locked": self.locked, "proven_by": self.proven_by or None, "log": log,
        }  # fmt: skip


class Desk:
    """A reader with a card on a desk, and a SAM made of keys if there are any.

    Args:
        reader: An open reader.
        keys_of: Gives the keys of an issuer and version; raises BadInputError if it has none.
    """

    def __init__(self, reader: Reader, keys_of: KeysOf | None = None) -> None:
        self._reader = reader
        self._keys_of = keys_of
        self._said = b""
        self._locked = False

    def read(self, *, log: bool = False) -> Reading:
        """Return what the card says.

        Raises:
            BadInputError: If the keys are not those of this card; nothing was tried with them.
            PurseRefusedError: If it is no card of the scheme, or does not prove itself.
            ReaderError: If there is no card, or the reader fails.
        """
        identity = self._tell(select_command(IDENTITY_AID)).sw == Sw.ok
        selected = self.select()
        purses = {int(number): self._balance(number) for number in PurseNumber}
        if self._keys_of is None:
            return Reading(selected, purses, identity, self._locked)
        keys = self._keys_of(selected.issuer, selected.key_version)
        sam = _sam_of(keys)
        if not log:
            self._prove(sam, keys.source, None)
        told = self._log(sam, keys.source) if log else None
        return Reading(selected, purses, identity, self._locked, keys.source, told)

    def select(self) -> Selected:
        """Return what SELECT of the purse says; raises PurseRefusedError if it says no such."""
        answer = self._tell(select_command(PURSE_AID))
        if answer.sw != Sw.ok:
            raise PurseRefusedError(
                "card: expected a purse of this scheme to answer SELECT, got SW "
                f"{meaning(answer.sw)}; it is another card, or not issued yet",
                answer.sw,
            )
        try:
            selected = parse_selected(answer.data)
        except RecordError as error:
            raise PurseRefusedError(f"card: {error}; it is another card", answer.sw) from error
        self._said = answer.data
        return selected

    def _balance(self, purse: PurseNumber) -> int | None:
        # Nobody checks what proves this answer, so that the challenge need not be new: without keys
        # a reading is told in the same bytes each time, and a trace of it answers as replay://.
        command = init_command(Mode.debit, 0, DESK_TERMINAL, DESK_SAM, bytes(MAC_SIZE), purse)
        answer = self._tell(command)
        self._locked |= answer.sw == Sw.mac_blocked
        if answer.sw != Sw.ok or len(answer.data) != INIT_ANSWER.size:
            return None
        return int(INIT_ANSWER.unpack(answer.data)["balance"])

    def _log(self, sam: Sam, source: str) -> tuple[dict[str, Any], ...]:
        """Return the log's entries, latest first; one MAC serves them all."""
        mac = self._prove(sam, source, Ins.read_log)
        entries = []
        for record in range(1, LOG_RECORDS + 1):
            answer = self._tell(log_command(record, mac))
            if answer.sw == Sw.proof_unknown:
                break
            if answer.sw != Sw.ok:
                raise PurseRefusedError(
                    f"card: refused READ LOG {record}: SW {meaning(answer.sw)}; it was not asked "
                    "again, since a wrong MAC counts on the card",
                    answer.sw,
                )
            heard = _asked(sam, confirm_command(Ins.read_log, answer.data))
            if heard.sw != Sw.ok:
                raise PurseRefusedError(
                    f"card: the proof of log entry {record} does not hold: SW {meaning(heard.sw)}",
                    heard.sw,
                )
            entries.append(parse_logged(answer.data))
        return tuple(entries)

    def _prove(self, sam: Sam, source: str, order: Ins | None) -> bytes:
        """Have the card prove itself; return the SAM's MAC for an order, if one is asked for."""
        told = SAM_CHALLENGE.unpack(_asked(sam, challenge_command()).data)
        mode = Mode.debit if order is None else Mode.proof
        command = init_command(mode, 0, DESK_TERMINAL, DESK_SAM, told["challenge"], MAIN_PURSE)
        answer = self._tell(command)
        if answer.sw != Sw.ok:
            raise PurseRefusedError(f"card: refused INIT: SW {meaning(answer.sw)}", answer.sw)
        shown = self._said + command.data + answer.data
        signed = _asked(sam, authenticate_command(shown, order))
        if signed.sw != Sw.ok:
            raise PurseRefusedError(
                f"card: does not prove itself under {source}: {meaning(signed.sw)}; nothing was "
                "signed for it. Give the keys it was issued with",
                signed.sw,
            )
        return signed.data

    def _tell(self, command: Command) -> Response:
        try:
            return parse_response(self._reader.transceive(command.encode()).response)
        except RecordError as error:
            raise PurseRefusedError(f"card: {error}; it is another card", 0) from error


def _sam_of(keys: MasterKeys) -> Sam:
    held = {IssuerKeys(keys.issuer, Role.debit, keys.version): keys.master(Role.debit)}
    data = SamData(DESK_SAM, DESK_TERMINAL, May.debit, held, bytes(KEY_SIZE))
    return make_sam(data, lambda: secrets.token_bytes(MAC_SIZE))


def _asked(sam: Sam, command: Command) -> Response:
    return parse_response(sam.answer(command.encode()))


def _group_words(said: Selected, names: Names) -> str:
    if not said.group:
        return "none"
    return f"{names.group(said.group)}, until {day_words(said.group_expiry)}"


def _log_words(entry: dict[str, Any], names: Names) -> str:
    kind = member_words(RecordKind, entry["kind"])
    return (
        f"NT {entry['nt']}: {kind} of {rupiah(entry['amount'])} at {names.place(entry['place'])}, "
        f"{second_words(entry['at_s'])}, {PURSES.get(entry['purse'], 'unknown purse')} then "
        f"{rupiah(entry['balance'])}, terminal {entry['terminal']}, SAM {entry['sam']}"
    )


def _log_document(entry: dict[str, Any], names: Names) -> dict[str, Any]:
    words = {"kind": member_words(RecordKind, entry["kind"]), "place": names.place(entry["place"])}
    plain = {key: v.hex() if isinstance(v, bytes) else v for key, v in entry.items()}
    return plain | words | {"at": second_words(entry["at_s"])}


