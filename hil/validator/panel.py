"""What a rider sees and hears: the display's line, the sound, and whether the gate lets through."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from scheme.verdicts import Verdict


class Sound(StrEnum):
    """What is heard; told apart without looking."""

    accepted = "accepted"  # one high tone
    again = "again"  # two short tones: hold the card to it once more
    refused = "refused"  # one long low tone


class Shown(NamedTuple):
    """What a verdict is to a rider."""

    text: str
    sound: Sound
    gate: bool


SHOWN = {
    Verdict.accepted: Shown("Go", Sound.accepted, True),
    Verdict.card_not_genuine: Shown("Card not valid", Sound.refused, False),
    Verdict.card_blocked: Shown("Card blocked, ask your bank", Sound.refused, False),
    Verdict.card_hotlisted: Shown("Card stopped, ask your bank", Sound.refused, False),
    Verdict.card_expired: Shown("Card expired", Sound.refused, False),
    Verdict.already_tapped: Shown("Already tapped", Sound.refused, False),
    Verdict.exit_without_entry: Shown("No entry on this card", Sound.refused, False),
    Verdict.balance_below_minimum: Shown("Balance below minimum", Sound.refused, False),
    Verdict.balance_too_low: Shown("Balance too low", Sound.refused, False),
    Verdict.tap_was_torn: Shown("Tap again", Sound.again, False),
}
OUT_OF_ORDER = Shown("Out of order", Sound.refused, False)
