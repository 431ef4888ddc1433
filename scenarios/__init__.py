"""Scenario files and the facts they stand on, as data that is shipped."""
