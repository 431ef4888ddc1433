"""One module a command; `testbed.cli.main` puts them together."""
