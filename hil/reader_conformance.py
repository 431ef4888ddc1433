"""What a reader must do, whoever wrote its driver: open, closed, with a card, without one, again.

Each case opens a reader of its own by the URL and judges what its driver does; the card behind it
is not judged (that is `hil.conformance`). Cases that put cards in or take them out are left out for
a reader whose card no program can change, and are told as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from hil.conformance.judging import Wrong, equal
from hil.exchange import Exchange
from hil.own_card import OWN_IMAGE, own_card_data
from hil.reader import CardHolder, Reader, held, make_reader
from scheme.apdu import Mode, init_command, parse_response, parse_selected, select_command
from scheme.errors import CardGoneError, ReaderError
from scheme.keys import IDENTITY_AID, PURSE_AID
from scheme.status import Sw, meaning

SELECT = select_command(PURSE_AID).encode()
SELECT_IDENTITY = select_command(IDENTITY_AID).encode()
INIT = init_command(Mode.debit, 0, 18, 50_000_018, bytes(8)).encode()
UNKNOWN = bytes((0x80, 0xFE, 0, 0))
CHANGES = "a reader whose card a program can change"
AGAIN = 25


class Case(NamedTuple):
    """One row of the table of behaviour.

    Attributes:
        holds: Whether it wants a reader whose card a program can change.
        opened: Whether it is given an open reader with a card in the field.
    """

    id: str
    name: str
    reason: str
    play: Callable[[Reader], None]
    holds: bool = False
    opened: bool = True


class Result(NamedTuple):
    """What came of a case; `verdict` is PASS, FAIL or NOT ASSESSED."""

    case: Case
    verdict: str
    expected: str = ""
    got: str = ""


def judge(url: str, make: Callable[[str], Reader] = make_reader) -> list[Result]:
    """Return a result for each case, for the reader of a URL.

    Raises:
        InventoryError: If no driver answers for the URL.
        ReaderError: If the reader cannot be opened at all, which is no verdict on its driver.
    """
    with _opened(make(url)) as first:
        changes = isinstance(first, CardHolder)
        if changes:
            _put_in(first)
        _answer(first, SELECT)
    return [_result(case, url, make, changes) for case in CASES]


def _result(case: Case, url: str, make: Callable[[str], Reader], changes: bool) -> Result:
    if case.holds and not changes:
        return Result(case, "NOT ASSESSED", CHANGES, "one whose card is changed by hand")
    reader = make(url)

    def play() -> None:
        if case.opened:
            reader.open()
            if changes:
                _put_in(reader)
        case.play(reader)

    wrong = _wrong(play) or _wrong(reader.close)
    return Result(case, "FAIL", wrong.expected, wrong.got) if wrong else Result(case, "PASS")


def _wrong(does: Callable[[], None]) -> Wrong | None:
    """Return what was wrong with something that a driver did; its own faults are that as well."""
    try:
        does()
    except Wrong as wrong:
        return wrong
    except ReaderError as error:
        return Wrong("no fault", f"{type(error).__name__}: {error}")
    except Exception as error:  # whatever a driver of others raises is its verdict, not our end
        return Wrong("a fault of scheme.errors", f"{type(error).__name__}: {error}")
    return None


def _put_in(reader: Reader) -> None:
    assert isinstance(reader, CardHolder)
    reader.insert(reader.issue(own_card_data()))


@contextmanager
def _opened(reader: Reader) -> Iterator[Reader]:
    reader.open()
    try:
        yield reader
    finally:
        reader.close()


def _answer(reader: Reader, apdu: bytes) -> Exchange:
    """Return an exchange, once its form is right."""
    exchange = reader.transceive(apdu)
    if not isinstance(exchange, tuple) or len(exchange) != 3:
        raise Wrong("an Exchange of answer, sent and received", repr(exchange))
    if not isinstance(exchange.response, bytes) or len(exchange.response) < 2:
        raise Wrong("an answer of 2 bytes or more", repr(exchange.response))
    return exchange


def _sw(reader: Reader, apdu: bytes, expected: int) -> None:
    sw = parse_response(_answer(reader, apdu).response).sw
    if sw != expected:
        raise Wrong(meaning(expected), meaning(sw))


def _raises(fault: type[ReaderError], said: str, does: Callable[[], object]) -> None:
    """Raise Wrong unless something raises a fault whose text says what it is about."""
    try:
        done = does()
    except fault as error:
        if said not in str(error):
            raise Wrong(f'a {fault.__name__} that says "{said}"', f'"{error}"') from error
    except Exception as error:
        raise Wrong(f"a {fault.__name__}", f"{type(error).__name__}: {error}") from error
    else:
        raise Wrong(f"a {fault.__name__}", repr(done))


def _tells_its_url(reader: Reader) -> None:
    equal("its url", True, "://" in reader.url)


def _answers(reader: Reader) -> None:
    selected = parse_selected(parse_response(_answer(reader, SELECT).response).data)
    if isinstance(reader, CardHolder):
        equal("the card", (OWN_IMAGE.card, OWN_IMAGE.balance), (selected.card, selected.balance))
    _sw(reader, SELECT_IDENTITY, Sw.ok)


def _stamps(reader: Reader) -> None:
    first, second = (_answer(reader, SELECT) for _ in range(2))
    instants = [first.sent_ns, first.received_ns, second.sent_ns, second.received_ns]
    if instants[0] <= 0 or sorted(instants) != instants:
        raise Wrong("monotonic nanoseconds in order", ", ".join(map(str, instants)))


def _forgets(reader: Reader) -> None:
    _sw(reader, SELECT, Sw.ok)
    _sw(reader, INIT, Sw.ok)
    reader.field_off()
    _sw(reader, INIT, Sw.wrong_state)


def _leaves_refusals_to_the_card(reader: Reader) -> None:
    _sw(reader, UNKNOWN, Sw.instruction_unknown)


def _keeps_to_one_exchange(reader: Reader) -> None:
    for _ in range(AGAIN):
        _sw(reader, SELECT, Sw.ok)
        _sw(reader, INIT, Sw.ok)


def _never_opened(reader: Reader) -> None:
    _raises(ReaderError, "is not open", lambda: reader.transceive(SELECT))


def _closes_unopened(reader: Reader) -> None:
    reader.close()


def _closed(reader: Reader) -> None:
    reader.close()
    reader.close()
    _raises(ReaderError, "is not open", lambda: reader.transceive(SELECT))
    reader.open()
    reader.open()
    _sw(reader, SELECT, Sw.ok)


def _gone(reader: Reader) -> None:
    held(reader).remove()
    _raises(CardGoneError, "no card in reader", lambda: reader.transceive(SELECT))


def _gone_twice(reader: Reader) -> None:
    holder = held(reader)
    holder.remove()
    reader.field_off()
    holder.remove()
    _put_in(reader)
    _sw(reader, SELECT, Sw.ok)


def _stays(reader: Reader) -> None:
    holder = held(reader)
    first, second = (holder.issue(own_card_data()) for _ in range(2))
    for card in (first, second, first):
        holder.insert(card)
        _sw(reader, SELECT, Sw.ok)
        _sw(reader, INIT, Sw.ok)
    holder.insert(second)
    _sw(reader, INIT, Sw.wrong_state)


def _row(number: int, name: str, reason: str, play: Callable[[Reader], None], **more: bool) -> Case:
    return Case(f"JK1-RDR-{number:03}", name, reason, play, **more)


CASES = (
    _row(1, "it tells the URL it was made of", "reports name readers by it", _tells_its_url),
    _row(2, "the card's answers come back whole", "a reader carries, it does not judge", _answers),
    _row(3, "instants are monotonic and in order", "phases of a tap are made of them", _stamps),
    _row(4, "without its field a card forgets", "each tap begins at a fresh card", _forgets),
    _row(5, "what a card refuses comes back as its status word", "a refusal is the card's to say",
         _leaves_refusals_to_the_card),
    _row(6, f"{AGAIN} sessions one after the other are answered", "a place takes taps all day",
         _keeps_to_one_exchange),
    _row(7, "one that was never opened says so", "a bench fault must not look like a card's",
         _never_opened, opened=False),
    _row(8, "one that was never opened can be closed", "teardown closes whatever there is",
         _closes_unopened, opened=False),
    _row(9, "one that was closed says so, and opens again", "closing twice is no fault", _closed),
    _row(10, "a card that was taken out is gone", "a lost card is no broken reader", _gone,
         holds=True),
    _row(11, "an empty field may be switched off and emptied again", "teardown does", _gone_twice,
         holds=True),
    _row(12, "a card put in has forgotten its session, and another's is not its own",
         "cards take turns at a place", _stays, holds=True),
)  # fmt: skip
