"""Every status word that the purse and the SAM answer with, and what each one means.

A status word is an int and prints as `6985`; `STATUS` says in words what it means.
"""

from __future__ import annotations

from enum import IntEnum


class Sw(IntEnum):
    """A status word by its name."""

    ok = 0x9000
    card_blocked = 0x6283
    wrong_length = 0x6700
    counter_exhausted = 0x6900
    not_allowed = 0x6982
    mac_blocked = 0x6983
    wrong_state = 0x6985
    wrong_mac = 0x6988
    wrong_data = 0x6A80
    application_unknown = 0x6A82
    proof_unknown = 0x6A83
    wrong_parameters = 0x6A86
    reference_unknown = 0x6A88
    instruction_unknown = 0x6D00
    class_unknown = 0x6E00
    balance_too_low = 0x9401
    limit_exceeded = 0x9402
    keys_unknown = 0x9403
    category_refused = 0x9404
    ceiling_reached = 0x9405


STATUS: dict[Sw, str] = {
    Sw.ok: "done",
    Sw.card_blocked: "the card is blocked and moves no value",
    Sw.wrong_length: "the command is longer or shorter than its instruction says",
    Sw.counter_exhausted: "the transaction counter is at its end; the card can only be read",
    Sw.not_allowed: "this SAM may not sign that",
    Sw.mac_blocked: "too many wrong MACs; only the issuer opens a session, or nobody any more",
    Sw.wrong_state: "no application selected, no session open, or the session is for another thing",
    Sw.wrong_mac: "the MAC is not the other side's; the session is over",
    Sw.wrong_data: "a field of the command has a value that it may not have",
    Sw.application_unknown: "no application of that AID here",
    Sw.proof_unknown: "the last transaction has another counter, or the log no such record",
    Sw.wrong_parameters: "P1 or P2 names no mode, purse, slot or record of this card",
    Sw.reference_unknown: "nothing of that kind to cancel or commit",
    Sw.instruction_unknown: "no such instruction",
    Sw.class_unknown: "no such class",
    Sw.balance_too_low: "the purse holds less than the amount",
    Sw.limit_exceeded: "the purse would hold more than its profile allows",
    Sw.keys_unknown: "this SAM holds no keys of that issuer and version",
    Sw.category_refused: "the restricted purse may not be spent on that merchant category",
    Sw.ceiling_reached: "this SAM has ordered as much unacknowledged value as it may",
}


def meaning(sw: int) -> str:
    """Return a status word in print and in words."""
    known = sw in STATUS
    return f"{sw:04X} {STATUS[Sw(sw)]}" if known else f"{sw:04X} not a status word of this scheme"
