"""The clearing house: intake, proof, journeys, ledger, export."""
