"""The judge: truth against ledger; no measuring here."""
