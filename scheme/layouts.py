"""The fixed layouts that lie between terminal, card and SAM, and the blocks a card is issued with.

Numbers are unsigned and big-endian; there is no TLV. Which command carries which layout is
`scheme.apdu`; the tap record and the states are `scheme.records`; the identity's are its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from scheme.cryptograms import KEY_SIZE, MAC_SIZE
from scheme.errors import RecordError
from scheme.records import PARKING_STATE, TRANSIT_STATE, Field, Layout

CATEGORIES_MAX = 8  # merchant categories of one restricted purse

SELECTED = Layout(
    "SELECT answer",
    (
        Field("card", 8, "card number"),
        Field("issuer", 2, "participant number of the issuing bank"),
        Field("profile", 1, "1 unregistered, 2 registered"),
        Field("status", 1, "0 active, else the reason of its block"),
        Field("key_version", 1, "version of the issuer's keys"),
        Field("group", 1, "free group, 0 if none"),
        Field("group_expiry", 2, "last calendar day in the group"),
        Field("expiry", 2, "last calendar day of the card"),
        Field("nt", 4, "transaction counter"),
        Field("balance", 4, "rupiah on the main purse"),
        Field("flags", 1, "`Flag` bits"),
        Field("transit", TRANSIT_STATE.size, "transit state", False),
        Field("parking", PARKING_STATE.size, "parking state", False),
    ),
)

INIT_DATA = Layout(
    "INIT command",
    (
        Field("amount", 4, "rupiah"),
        Field("terminal", 4, "terminal number"),
        Field("sam", 4, "SAM number"),
        Field("challenge", 8, "RT, the SAM's challenge", False),
    ),
)

INIT_ANSWER = Layout(
    "INIT answer",
    (
        Field("challenge", 8, "RC, the card's challenge", False),
        Field("nt", 4, "transaction counter"),
        Field("balance", 4, "rupiah on the purse"),
        Field("status", 1, "0 active, else the reason of its block"),
        Field("key_version", 1, "version of the issuer's keys"),
        Field("mac", MAC_SIZE, "S1, over all that SELECT and INIT said", False),
    ),
)

DEBIT_HEAD = Layout(
    "DEBIT command before its state",
    (
        Field("at_s", 4, "whole seconds UTC"),
        Field("place", 2, "place number"),
        Field("sam_counter", 4, "the SAM's counter"),
    ),
)

DEBIT_ANSWER = Layout(
    "DEBIT answer",
    (
        Field("balance", 4, "rupiah after it"),
        Field("nt", 4, "transaction counter after it"),
        Field("tac", MAC_SIZE, "the card's proof to its issuer", False),
        Field("mac", MAC_SIZE, "S3", False),
    ),
)

STORED = Layout(
    "stored part of the last transaction",
    (
        Field("version", 1, "record layout version"),
        Field("kind", 1, "`RecordKind`"),
        Field("purse", 1, "purse"),
        Field("key_version", 1, "version of the issuer's keys"),
        Field("amount", 4, "rupiah"),
        Field("at_s", 4, "whole seconds UTC"),
        Field("terminal", 4, "terminal number"),
        Field("place", 2, "place number"),
        Field("sam", 4, "SAM number"),
        Field("sam_counter", 4, "the SAM's counter"),
    ),
)

SAM_CHALLENGE = Layout(
    "CHALLENGE answer",
    (
        Field("challenge", 8, "RT, good for one session", False),
        Field("sam", 4, "SAM number"),
        Field("terminal", 4, "the terminal this SAM is for"),
        Field("sam_counter", 4, "the SAM's counter, last used"),
    ),
)

RESTRICTED_HEAD = Layout(
    "restricted DEBIT command",
    (
        *DEBIT_HEAD.fields,
        Field("operator", 2, "participant number of the merchant's operator, from the SAM"),
        Field("category", 2, "merchant category, from the SAM"),
    ),
)

LOG_ENTRY = Layout(
    "log entry",
    (
        Field("nt", 4, "transaction counter after it"),
        *STORED.fields,
        Field("balance", 4, "rupiah on its purse after it"),
        Field("tac", MAC_SIZE, "the card's proof to its issuer", False),
    ),
)

SAM_SELECTED = Layout(
    "SAM SELECT answer",
    (
        Field("version", 1, "1"),
        Field("sam", 4, "SAM number"),
        Field("terminal", 4, "the terminal this SAM is for"),
        Field("sam_counter", 4, "the SAM's counter, last used"),
        Field("unacknowledged", 4, "rupiah ordered that no receipt covers yet"),
        Field("ceiling", 4, "most unacknowledged rupiah, 0 for no ceiling"),
    ),
)

RECEIPT = Layout(
    "RESTORE command",
    (
        Field("number", 4, "the receipt's number, above the last one's"),
        Field("amount", 4, "rupiah acknowledged"),
        Field("mac", MAC_SIZE, "the server's, under the SAM's receipt key", False),
    ),
)

CARD_KEYS = Layout(
    "keys of a card",
    (
        Field("debit", KEY_SIZE, "modes debit, cancel and proof", False),
        Field("load", KEY_SIZE, "mode credit", False),
        Field("admin", KEY_SIZE, "mode admin", False),
        Field("tac", KEY_SIZE, "the TAC", False),
    ),
)

PURSE_LIMITS = Layout(
    "purses and limits",
    (
        Field("limit", 4, "most rupiah on the main purse"),
        Field("routine", 4, "rupiah on the routine purse"),
        Field("routine_limit", 4, "most rupiah on it, 0 if the card has none"),
        Field("periodic", 4, "rupiah on the periodic purse"),
        Field("periodic_limit", 4, "most rupiah on it, 0 if the card has none"),
        Field("routine_categories", 2 * CATEGORIES_MAX, "8 merchant categories, 0 unused", False),
        Field("periodic_categories", 2 * CATEGORIES_MAX, "8 merchant categories, 0 unused", False),
    ),
)

PROOF_SIZE = 4 + STORED.size + 2 * MAC_SIZE
LOG_SIZE = LOG_ENTRY.size + MAC_SIZE
PROVEN_SIZE = SELECTED.size + INIT_DATA.size + INIT_ANSWER.size  # what AUTHENTICATE is shown

assert (SELECTED.size, INIT_DATA.size, INIT_ANSWER.size) == (63, 20, 26)
assert (DEBIT_ANSWER.size, STORED.size, PROOF_SIZE) == (24, 26, 46)
assert (RESTRICTED_HEAD.size, LOG_ENTRY.size, SAM_SELECTED.size, RECEIPT.size) == (14, 42, 21, 16)
assert (CARD_KEYS.size, PURSE_LIMITS.size) == (64, 52)


def block(layout: Layout, values: Mapping[str, int | bytes]) -> bytes:
    """Return the bytes of a block of personalisation, in which no field is padded.

    Raises:
        RecordError: If a value does not fill its field, or does not fit.
    """
    for field in layout.fields:
        value = values[field.name]
        if isinstance(value, bytes) and len(value) != field.size:
            raise RecordError(
                f"{layout.name}.{field.name}: expected {field.size} bytes, got {len(value)}"
            )
    return layout.pack(dict(values))
