"""The services of the card beside transit: one module each, one interface (`town`)."""
