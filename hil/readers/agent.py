"""`agent+https://HOST:PORT/PLACE`: the reader of a place of another machine's rack.

`PLACE/sam` is its SAM's reader. Options: `token_env` names the environment variable with the token,
`certificate` a file to trust instead of the public ones, `minutes` how long the lease is (60).
Opening it takes a lease, with a heartbeat behind it; when that is lost, every step says so at once.
Nothing is sent a second time: an exchange without an answer may have been done.

An exchange takes as long as it took at the agent; it is put in the middle of the round trip, and
where it lay in there is unknown by half of the rest.
"""

from __future__ import annotations

import os
import sys
import threading
from time import monotonic_ns
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import msgspec

from hil.address import split_options
from hil.agent.wire import Answered, Apdu, Handle, Leased, Wanted, issued
from hil.agent_line import AgentLine
from hil.exchange import Exchange
from hil.locks import user
from hil.rack_sections import url_is_safe
from hil.reader import Card
from scheme.errors import BadInputError, ReaderError
from scheme.personalisation import CardData
from scheme.sam_personalisation import SamData

OPTIONS = ("token_env", "certificate", "minutes")
TOKEN_ENV = "JAKARTA_ONE_AGENT_TOKEN"
MINUTES = "60"
BEATS = 3  # beats in the time after which the agent gives a caller up

S = TypeVar("S", bound=msgspec.Struct)


class AgentCard:
    """A card that was issued at an agent, whose readers all may be given it.

    Attributes:
        agent: Where it is.
    """

    def __init__(self, reader: AgentReader, agent: str, number: int) -> None:
        self.agent = agent
        self.number = number
        self._reader = reader

    def answer(self, apdu: bytes) -> bytes:
        """Put it in and return its answer."""
        self._reader.insert(self)
        return self._reader.transceive(apdu).response

    def reset(self) -> None:
        """Take power from it."""
        self._reader.insert(self)


class AgentReader:
    """A leased place, while it is open."""

    def __init__(self, url: str, base: str, place: str, options: dict[str, str]) -> None:
        self.url = url
        self._base = base
        self._place = place
        self._token_env = options.get("token_env", TOKEN_ENV)
        self._certificate = options.get("certificate", "")
        self._seconds = _seconds(url, options.get("minutes", MINUTES))
        self._line: AgentLine | None = None
        self._lease = ""
        self._beating: threading.Thread | None = None
        self._ended = threading.Event()
        self._lost = ""

    def open(self) -> None:
        """Lease the place.

        Raises:
            ReaderError: If there is no token, nobody answers, or somebody else has it.
        """
        if self._line is not None:
            return
        token = os.environ.get(self._token_env)
        if not token:
            raise ReaderError(
                f'reader "{self.url}": expected a token in {self._token_env}, got none'
            )
        line = AgentLine(self._base, token, self._certificate)
        run = " ".join(sys.argv) or "python"
        asked = Wanted(self._place, user(), run, self._seconds)
        try:
            lease = line.post("/leases", asked, Leased)
        except BaseException:
            line.close()
            raise
        self._line, self._lease, self._lost = line, lease.lease, ""
        self._ended = threading.Event()
        beats = AgentLine(self._base, token, self._certificate)
        self._beating = threading.Thread(
            target=self._beat, args=(beats, lease.heartbeat_s / BEATS, self._ended), daemon=True
        )
        self._beating.start()

    def close(self) -> None:
        """Give the place back; an agent that does not hear it will see the heartbeat end."""
        line, self._line = self._line, None
        if line is None:
            return
        self._ended.set()
        if self._beating is not None:
            self._beating.join()
        try:
            if not self._lost:
                line.delete(f"/leases/{self._lease}")
        finally:
            line.close()

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the card's answer."""
        began_ns = monotonic_ns()
        answered = self._ask("exchange", Apdu(apdu), Answered)
        rest_ns = max(0, monotonic_ns() - began_ns - answered.took_ns)
        sent_ns = began_ns + rest_ns // 2
        return Exchange(answered.response, sent_ns, sent_ns + answered.took_ns)

    def field_off(self) -> None:
        """Take power from the card."""
        self._tell("field-off")

    def issue(self, data: CardData | SamData) -> AgentCard:
        """Return a fresh card or SAM of the kind that the place's reader holds."""
        return AgentCard(self, self._base, self._ask("issue", issued(data), Handle).card)

    def insert(self, card: Card) -> None:
        """Put a card that was issued there into the field, in place of the one there."""
        if not isinstance(card, AgentCard) or card.agent != self._base:
            raise ReaderError(
                f'reader "{self.url}": expected a card that was issued at its agent, got another'
            )
        self._tell("insert", Handle(card.number))

    def remove(self) -> None:
        """Take the card out of the field."""
        self._tell("remove")

    def _ask(self, step: str, said: msgspec.Struct, kind: type[S]) -> S:
        return self._checked().post(f"/leases/{self._lease}/{step}", said, kind)

    def _tell(self, step: str, said: msgspec.Struct | None = None) -> None:
        self._checked().tell(f"/leases/{self._lease}/{step}", said)

    def _checked(self) -> AgentLine:
        """Return the line, if it is open and the lease was not lost."""
        if self._line is None:
            raise ReaderError(f'"{self.url}" is not open')
        if self._lost:
            raise ReaderError(f'reader "{self.url}": expected its lease to last, got: {self._lost}')
        return self._line

    def _beat(self, line: AgentLine, every_s: float, ended: threading.Event) -> None:
        """Let the agent hear of us until told to end; note when the lease is lost."""
        try:
            while not ended.wait(every_s) and not self._lost:
                try:
                    line.tell(f"/leases/{self._lease}/beat", None)
                except ReaderError as error:
                    self._lost = str(error)
        finally:
            line.close()


def make(url: str) -> AgentReader:
    """Return a reader.

    Raises:
        BadInputError: If the URL names no place, or an option that is none, or would send the token
            over a network in plain HTTP.
    """
    address, options = split_options(url.removeprefix("agent+"))
    for name in options:
        if name not in OPTIONS:
            raise BadInputError.at(url, expected=f"options {', '.join(OPTIONS)}", got=name)
    parts = urlsplit(address)
    place = unquote(parts.path.strip("/"))
    if not place or not parts.hostname:
        raise BadInputError.at(url, expected="agent+https://HOST:PORT/PLACE", got="no place")
    if not url_is_safe(address):
        raise BadInputError.at(url, expected="agent+https:// to another machine", got="plain HTTP")
    return AgentReader(url, f"{parts.scheme}://{parts.netloc}", place, options)


def _seconds(url: str, minutes: str) -> float:
    if minutes.isdecimal() and int(minutes) > 0:
        return 60.0 * int(minutes)
    raise BadInputError.at(f"{url}: minutes", expected="a whole number above 0", got=minutes)
