"""Cases of PUT KEY and of the wrong-MAC counter: docs/spec/card.md §4, §5.10."""

from __future__ import annotations

from collections.abc import Callable

from hil.conformance.case import Play, Told, cases, in_session, raw, refusals
from hil.conformance.given import BALANCE, NT, NT_MAX, plain
from hil.conformance.judging import Answer, done, equal, refused
from hil.conformance.terminal import ADMIN, ANY_MAC, CANCEL, CREDIT, DEBIT, PROOF, Terminal
from hil.conformance.value import cancelled, debited, entry, loaded, proved
from scheme.status import Sw

AMOUNT, WRONG_MACS_MAX = 2_500, 15
VERSION_9 = plain(key_version=9)


def _wrong(terminal: Terminal, times: int, mode: int = DEBIT) -> None:
    """Tell the card a wrong S2 that many times."""
    ins, size = (0x42, 10) if mode == DEBIT else (0x54, 3)
    for _ in range(times):
        terminal.open(mode)
        refused(terminal.tell(ins, 0, 0, bytes(size) + ANY_MAC), Sw.wrong_mac)


def _rotated(terminal: Terminal) -> None:
    """New keys and version, in one; what was told before is proved under the new keys."""
    before = debited(terminal, AMOUNT)
    was = terminal.look()
    terminal.open(ADMIN)
    answer = terminal.put_key(2, terminal.card_keys(was, 2))
    told = terminal.proved(0x52, answer, 12)
    equal("NT", was.nt, int.from_bytes(told, "big"))
    equal("what SELECT says", was._replace(key_version=2), terminal.look())
    equal("the proof of before", before.tac, proved(terminal, before.nt)[26:])
    debited(terminal, AMOUNT)
    loaded(terminal, AMOUNT)
    debited(terminal, AMOUNT)
    cancelled(terminal, AMOUNT)
    terminal.open(ADMIN)


def _rotated_twice(terminal: Terminal) -> None:
    for version in (2, 255):
        said = terminal.look()
        terminal.open(ADMIN)
        terminal.proved(0x52, terminal.put_key(version, terminal.card_keys(said, version)), 12)
        debited(terminal, AMOUNT)
        equal("key version in the record", version, proved(terminal, terminal.look().nt)[3])


def _keys_apart(terminal: Terminal) -> None:
    """After a rotation to keys of its own choice the old ones open nothing: S1 is another."""
    said = terminal.look()
    terminal.open(ADMIN)
    terminal.proved(0x52, terminal.put_key(2, terminal.card_keys(said, 3)), 12)
    terminal.look()
    data = done(terminal.tell(0x40, DEBIT, 1, bytes(20)), 26)
    equal("key version", 2, data[17])
    refused(terminal.tell(0x42, 0, 0, bytes(18)), Sw.wrong_mac)


def _put_key(version: int) -> Told:
    def told(terminal: Terminal) -> Answer:
        said = terminal.look()
        terminal.open(ADMIN)
        return terminal.put_key(version, terminal.card_keys(said, max(version, 1)))

    return told


def _clear_keys(terminal: Terminal) -> None:
    """Keys changed under a right MAC over others are not taken."""
    said = terminal.look()
    terminal.open(ADMIN)
    keys = terminal.card_keys(said, 2)
    s2 = terminal.s2(0x52, 0, b"\x02" + keys)
    refused(terminal.order(0x52, 0, b"\x03" + keys, s2=s2), Sw.wrong_mac)
    equal("what SELECT says", said, terminal.look())


def _locked(terminal: Terminal) -> None:
    """Fourteen wrong MACs are borne, the fifteenth stops every mode but admin."""
    was = terminal.look()
    _wrong(terminal, WRONG_MACS_MAX - 1)
    terminal.open(DEBIT)
    _wrong(terminal, 1)
    equal("what SELECT says", was, terminal.look())
    for mode in (DEBIT, CREDIT, PROOF):
        terminal.look()
        refused(terminal.init(mode), Sw.mac_blocked)
    terminal.power_off()
    terminal.look()
    refused(terminal.init(DEBIT), Sw.mac_blocked)
    terminal.open(ADMIN)


def _before_amounts(terminal: Terminal) -> None:
    """A locked card says 6983 whatever the amount, but looks at P1 P2 and length first."""
    _wrong(terminal, WRONG_MACS_MAX)
    terminal.look()
    refused(terminal.init(DEBIT, BALANCE + 1), Sw.mac_blocked)
    refused(terminal.init(CREDIT, NT_MAX), Sw.mac_blocked)
    refused(terminal.init(CANCEL, 1), Sw.mac_blocked)
    refused(terminal.tell(0x40, 5, 1, bytes(20)), Sw.wrong_parameters)
    refused(terminal.tell(0x40, DEBIT, 1, bytes(19)), Sw.wrong_length)


def _unlocked(terminal: Terminal) -> None:
    _wrong(terminal, WRONG_MACS_MAX)
    terminal.open(ADMIN)
    terminal.proved(0x4E, terminal.unblock(), 12)
    _wrong(terminal, WRONG_MACS_MAX - 1)
    debited(terminal, AMOUNT)


def _forgiven(right: Callable[[Terminal], object]) -> Play:
    """A right value command sets the counter to 0."""

    def play(terminal: Terminal) -> None:
        debited(terminal, AMOUNT)
        _wrong(terminal, WRONG_MACS_MAX - 1)
        right(terminal)
        _wrong(terminal, WRONG_MACS_MAX - 1)
        terminal.open(DEBIT)

    return play


def _not_forgiven(right: Callable[[Terminal], object]) -> Play:
    """A right MAC in another command leaves the counter: the next wrong one is the fifteenth."""

    def play(terminal: Terminal) -> None:
        debited(terminal, AMOUNT)
        _wrong(terminal, WRONG_MACS_MAX - 1)
        right(terminal)
        _wrong(terminal, 1)
        terminal.look()
        refused(terminal.init(DEBIT), Sw.mac_blocked)

    return play


def _read(terminal: Terminal) -> None:
    terminal.open(PROOF)
    entry(terminal, 1)


def _entitle(terminal: Terminal) -> None:
    terminal.open(ADMIN)
    terminal.proved(0x54, terminal.put_entitlement(1, 1), 12)


def _block(terminal: Terminal) -> None:
    terminal.open(DEBIT)
    terminal.proved(0x4E, terminal.block(1), 12)


def _rotate(terminal: Terminal) -> None:
    said = terminal.look()
    terminal.open(ADMIN)
    terminal.proved(0x52, terminal.put_key(2, terminal.card_keys(said, 2)), 12)


def _counts(mode: int, first: Callable[[Terminal], object], ins: int, p: tuple[int, int],
            size: int) -> Play:  # fmt: skip
    """A wrong MAC counts in this command too: it is the fifteenth."""

    def play(terminal: Terminal) -> None:
        debited(terminal, AMOUNT)
        _wrong(terminal, WRONG_MACS_MAX - 1)
        first(terminal)
        if mode:
            terminal.open(mode, AMOUNT if mode == CANCEL else 0)
        refused(terminal.tell(ins, *p, bytes(size) + ANY_MAC), Sw.wrong_mac)
        terminal.look()
        refused(terminal.init(DEBIT), Sw.mac_blocked)

    return play


def _confirm_counts(terminal: Terminal) -> None:
    """A wrong S4 counts: the DEBIT set the counter to 0, fourteen more make fifteen."""
    debited(terminal, AMOUNT)
    refused(terminal.tell(0x4A, 0, 0, ANY_MAC), Sw.wrong_mac)
    _wrong(terminal, WRONG_MACS_MAX - 1)
    terminal.look()
    refused(terminal.init(DEBIT), Sw.mac_blocked)


def _for_good(terminal: Terminal) -> None:
    """At 255 nobody opens a session any more; SELECT still says what is there."""
    was = terminal.look()
    _wrong(terminal, WRONG_MACS_MAX)
    _wrong(terminal, 255 - WRONG_MACS_MAX, ADMIN)
    for mode in (DEBIT, CREDIT, PROOF, ADMIN):
        terminal.look()
        refused(terminal.init(mode), Sw.mac_blocked)
    equal("what SELECT says", was, terminal.look())


def _no_count(terminal: Terminal) -> None:
    """What was refused before its MAC was looked at has not been counted."""
    for _ in range(WRONG_MACS_MAX + 5):
        terminal.open(DEBIT)
        refused(terminal.tell(0x42, 0, 3, bytes(18)), Sw.wrong_parameters)
        terminal.open(DEBIT)
        refused(terminal.tell(0x42, 0, 0, bytes(17)), Sw.wrong_length)
        refused(terminal.tell(0x42, 0, 0, bytes(18)), Sw.wrong_state)
    debited(terminal, AMOUNT)


CASES = [
    *cases(
        "KEY",
        (1, 1, "PUT KEY, then a debit, a load and a cancel",
         "all four keys and the version change together", _rotated),
        (2, 1, "PUT KEY twice", "versions may leap, to 255", _rotated_twice),
        (3, 3, "a wrong MAC under a new key set", "old keys and wrong keys are refused alike",
         _keys_apart),
        (4, 1, "PUT KEY of another version than signed", "S2 is over version and keys",
         _clear_keys),
    ),
    *refusals(
        "KEY",
        (5, 2, Sw.wrong_data, "PUT KEY of the version that is there",
         "a version must be above the card's", _put_key(1)),
        (6, 2, Sw.wrong_data, "PUT KEY of version 0", "a version must be above the card's",
         _put_key(0)),
        (7, 2, Sw.wrong_mac, "PUT KEY of version 0 with a wrong MAC",
         "the MAC stands before the version", in_session(ADMIN, raw(0x52, 0, 0, 73))),
        (8, 2, Sw.wrong_state, "PUT KEY in a session in mode debit", "keys are the issuer's",
         in_session(DEBIT, raw(0x52, 0, 0, 73))),
        (9, 2, Sw.wrong_state, "PUT KEY in a session in mode credit", "keys are the issuer's",
         in_session(CREDIT, raw(0x52, 0, 0, 73))),
        (10, 2, Sw.wrong_length, "PUT KEY with three keys", "all four keys change together",
         in_session(ADMIN, raw(0x52, 0, 0, 57))),
    ),
    *refusals(
        "KEY",
        (11, 2, Sw.wrong_data, "PUT KEY of a version below the card's",
         "a version must be above the card's", _put_key(8)),
        given=VERSION_9,
    ),
    *cases(
        "KEY",
        (12, 4, "fifteen wrong MACs",
         "keys are not guessed: the fifteenth locks every mode but admin, power-off or not",
         _locked),
        (13, 4, "INIT of a locked card over its balance",
         "6983 stands before the amounts and behind P1 P2 and length", _before_amounts),
        (14, 5, "UNBLOCK of a locked card", "the issuer sets the counter to 0", _unlocked),
        (15, 6, "a debit behind fourteen wrong MACs", "a right value command sets the counter to 0",
         _forgiven(lambda t: debited(t, AMOUNT))),
        (16, 6, "a load behind fourteen wrong MACs", "a right value command sets the counter to 0",
         _forgiven(lambda t: loaded(t, AMOUNT))),
        (17, 6, "a cancel behind fourteen wrong MACs",
         "a right value command sets the counter to 0", _forgiven(lambda t: cancelled(t, AMOUNT))),
        (18, 6, "PROOF behind fourteen wrong MACs",
         "a right MAC that moves nothing leaves the counter",
         _not_forgiven(lambda t: proved(t, NT + 1))),
        (19, 6, "READ LOG behind fourteen wrong MACs",
         "a right MAC that moves nothing leaves the counter", _not_forgiven(_read)),
        (20, 6, "BLOCK behind fourteen wrong MACs",
         "a right MAC that moves nothing leaves the counter", _not_forgiven(_block)),
        (21, 6, "PUT ENTITLEMENT behind fourteen wrong MACs",
         "a right MAC that moves nothing leaves the counter", _not_forgiven(_entitle)),
        (22, 6, "PUT KEY behind fourteen wrong MACs",
         "a right MAC that moves nothing leaves the counter", _not_forgiven(_rotate)),
        (23, 4, "the fifteenth wrong MAC in PROOF",
         "a wrong MAC counts in whatever command has one",
         _counts(PROOF, lambda t: None, 0x48, (0, 0), 4)),
        (24, 4, "the fifteenth wrong MAC in READ LOG",
         "a wrong MAC counts in whatever command has one",
         _counts(PROOF, lambda t: None, 0x4C, (1, 0), 0)),
        (25, 4, "the fifteenth wrong MAC in CREDIT",
         "a wrong MAC counts in whatever command has one",
         _counts(CREDIT, lambda t: None, 0x44, (0, 0), 10)),
        (26, 4, "the fifteenth wrong MAC in CANCEL",
         "a wrong MAC counts in whatever command has one",
         _counts(CANCEL, lambda t: None, 0x46, (0, 0), 10)),
        (27, 4, "the fifteenth wrong MAC in BLOCK",
         "a wrong MAC counts in whatever command has one",
         _counts(DEBIT, lambda t: None, 0x4E, (0, 1), 1)),
        (28, 4, "a wrong MAC in CONFIRM and fourteen more",
         "a wrong MAC counts in whatever command has one", _confirm_counts),
        (29, 5, "255 wrong MACs", "at 255 the issuer is refused too", _for_good),
        (30, 4, "wrong P2, length and state twenty times",
         "what was refused before its MAC is not counted", _no_count),
    ),
]  # fmt: skip
