"""The verdicts a tap can get, in the order in which they are looked for (docs/spec/fares.md R15).

A verdict is a value and never an exception. The first rule that holds is the verdict. Codes 1 to 8
are a device's refusals and stand in the record; codes from 20 are the clearing house's.
"""

from __future__ import annotations

from enum import IntEnum


class Verdict(IntEnum):
    """`accepted`, or the first reason for refusal."""

    accepted = 0
    # a device's, in order
    card_not_genuine = 1
    card_blocked = 2
    card_hotlisted = 3
    card_expired = 4
    already_tapped = 5
    exit_without_entry = 6
    balance_below_minimum = 7
    balance_too_low = 8
    # a terminal's word that a presentation was torn and never recovered: no money, no proof
    tap_was_torn = 9
    # clearing's, in order
    record_malformed = 20
    device_unknown = 21
    batch_signature_wrong = 22
    key_version_unknown = 23
    tac_does_not_match = 24
    counter_already_seen = 25
    card_hotlisted_before_tap = 26
    too_late = 27
    amount_not_allowed = 28  # money rules: more than the purse may hold, or a bill of nobody's
