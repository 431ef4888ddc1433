"""The device: a card behind a line of text. A command comes as hex, its answer goes as hex."""

from __future__ import annotations

import sys

from hil.issuing import issue
from hil.own_card import own_card_data


def serve() -> None:
    """Answer until the line ends. `off` takes power from the card."""
    card = issue("python", own_card_data())
    for line in sys.stdin:
        if line.strip() == "off":
            card.reset()
            answer = "off"
        else:
            answer = card.answer(bytes.fromhex(line)).hex()
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
