"""What both campaigns stand on: random cards, a terminal's side, results, planted defects."""
