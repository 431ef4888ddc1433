"""`jakarta-one serve`: the reference clearing house."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="DIR", help="Its folder. [default: in the user's data]"),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="0 picks one.")] = 8470,
) -> None:
    """Start the reference clearing house with its embedded store; Ctrl-C stops it.

    Example: jakarta-one serve --store my_store --port 8470
    """
    from reference_server.app import serve as serve_app
    from reference_server.settings import Settings, default_store

    serve_app(Settings(store=store or default_store(), host=host, port=port))
