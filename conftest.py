"""Makes the plugin known to a checkout, as the entry point makes it known where it is installed."""

from __future__ import annotations

pytest_plugins = ("testbed.pytest_plugin",)
