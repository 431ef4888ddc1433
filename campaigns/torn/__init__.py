"""Where a card is torn: at every write of a command, and at every exchange of a dialogue."""
