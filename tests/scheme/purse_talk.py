"""Talking to a purse as a terminal and its SAM do: commands with right MACs, keys in hand."""

from __future__ import annotations

from typing import Any, NamedTuple

from scheme.apdu import (
    CLA,
    MAIN_PURSE,
    Command,
    Ins,
    Mode,
    Phase,
    Slot,
    block_command,
    confirm_purse_command,
    init_command,
    log_command,
    parse_response,
    proof_command,
    put_entitlement_command,
    put_key_command,
    restricted_debit_command,
    select_command,
    unblock_command,
    value_command,
)
from scheme.cryptograms import Keyed, Step
from scheme.image import CardKeys, Limits
from scheme.keys import PURSE_AID, Role, encrypt_keys, encryption_key, session_key
from scheme.layouts import INIT_ANSWER
from scheme.purse import Purse
from scheme.status import Sw
from tests.cards import CARD, ISSUER, KEYS, LIMIT_IDR, SAM, TERMINAL, counting, image

CHALLENGE = b"RTRTRTRT"
AT_S, PLACE, COUNTER = 1_775_000_000, 101, 1
ROLE_OF = {Mode.credit: Role.load, Mode.admin: Role.admin}
LIMITS = Limits(LIMIT_IDR, 500_000, 1_000_000, (5411, 5942), (8299,))


def card_keys(version: int = 1) -> CardKeys:
    """Return the card's keys of a version."""
    return CardKeys.of(
        lambda role: KEYS.issuer_master(ISSUER, role, version), CARD, ISSUER, version
    )


def student(**changes: Any) -> Purse:
    """Return a card with all three purses."""
    held = {"routine": 50_000, "periodic": 30_000} | changes
    return Purse(image(**held), card_keys(), counting(1_000), LIMITS)


def tell(card: Purse, command: Command | bytes) -> tuple[int, bytes]:
    """Return status word and data of a card's answer."""
    apdu = command if isinstance(command, bytes) else command.encode()
    response = parse_response(card.answer(apdu))
    return response.sw, response.data


class Talk(NamedTuple):
    """A session as a SAM, or the issuer, has it."""

    card: Purse
    macs: Keyed
    wrap: bytes  # the key under which keys travel

    def signed(self, bare: Command) -> Command:
        """Return a command with the right S2 behind its data."""
        head = bytes((bare.ins, bare.p2))
        mac = self.macs.step_mac(Step.terminal_orders, head + bare.data)
        return bare._replace(data=bare.data + mac)

    def order(
        self, ins: Ins = Ins.debit, p2: Slot | Phase = Slot.none, state: bytes = b""
    ) -> Command:
        """Return a DEBIT, CREDIT or CANCEL."""
        return self.signed(value_command(ins, p2, AT_S, PLACE, COUNTER, state, b""))

    def restricted(self, category: int) -> Command:
        """Return the DEBIT of a restricted purse at operator 7."""
        return self.signed(restricted_debit_command(AT_S, PLACE, COUNTER, 7, category, b""))

    def proof(self, nt: int) -> Command:
        """Return a PROOF."""
        return self.signed(proof_command(nt, b""))

    def log(self, record: int) -> Command:
        """Return a READ LOG."""
        return self.signed(log_command(record, b""))

    def block(self, reason: int) -> Command:
        """Return a BLOCK."""
        return self.signed(block_command(reason, b""))

    def unblock(self) -> Command:
        """Return an UNBLOCK."""
        return self.signed(unblock_command(b""))

    def put_key(self, version: int, keys: CardKeys) -> Command:
        """Return a PUT KEY."""
        return self.signed(put_key_command(version, encrypt_keys(self.wrap, keys.pack()), b""))

    def put_entitlement(self, group: int, expiry: int) -> Command:
        """Return a PUT ENTITLEMENT."""
        return self.signed(put_entitlement_command(group, expiry, b""))

    def confirm(self, nt: int) -> Command:
        """Return a CONFIRM with the right S4."""
        heard = bytes((Ins.confirm_purse, 0)) + nt.to_bytes(4, "big")
        return confirm_purse_command(self.macs.step_mac(Step.terminal_heard, heard))

    def does(self, command: Command) -> bytes:
        """Have the card do it; check S3 and return the answer without it."""
        sw, data = tell(self.card, command)
        assert sw == Sw.ok, hex(sw)
        told, got = data[:-8], data[-8:]
        assert self.macs.step_holds(Step.card_did, bytes((command.ins,)) + told, got)
        return told


def init(mode: Mode, amount: int = 0, purse: int = MAIN_PURSE, terminal: int = TERMINAL) -> Command:
    """Return an INIT."""
    return init_command(mode, amount, terminal, SAM, CHALLENGE, purse)


def opened(
    card: Purse,
    mode: Mode = Mode.debit,
    amount: int = 3_500,
    purse: int = MAIN_PURSE,
    keys: CardKeys | None = None,
) -> Talk:
    """Select, send INIT, check S1, and return the session."""
    sw, said = tell(card, select_command(PURSE_AID))
    assert sw == Sw.ok, hex(sw)
    command = init(mode, amount, purse)
    sw, data = tell(card, command)
    assert sw == Sw.ok, hex(sw)
    own, nt = INIT_ANSWER.codec.unpack(data)[:2]
    key = getattr(keys or card_keys(), ROLE_OF.get(mode, Role.debit).name)
    context = own, CHALLENGE, nt, TERMINAL
    macs = Keyed(session_key(key, *context))
    shown = bytes((mode, purse)) + said + command.data + data[:-8]
    assert macs.step_holds(Step.card_says, shown, data[-8:])
    return Talk(card, macs, encryption_key(key, *context))


def spoilt(command: Command) -> Command:
    """Return a command whose last bit, and so its MAC, is wrong."""
    return command._replace(data=command.data[:-1] + bytes((command.data[-1] ^ 1,)))


def bare(ins: int, p1: int = 0, p2: int = 0, size: int = 0) -> Command:
    """Return a command of that many zero bytes."""
    return Command(CLA, ins, p1, p2, bytes(size))
