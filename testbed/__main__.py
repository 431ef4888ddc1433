"""`python -m testbed` is `jakarta-one`."""

from __future__ import annotations

from testbed.cli.main import main

if __name__ == "__main__":
    main()
