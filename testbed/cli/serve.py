"""`jakarta-one serve`: the reference clearing house."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    store: Annotated[
        Path, typer.Option("--store", metavar="DIR", help="Where its two databases lie.")
    ] = Path("jakarta-one-store"),
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="0 picks one.")] = 8470,
) -> None:
    """Start the reference clearing house with its embedded store; Ctrl-C stops it.

    Example: jakarta-one serve --store my_store --port 8470
    """
    from reference_server.app import serve as serve_app
    from reference_server.settings import Settings

    serve_app(Settings(store=store, host=host, port=port))
