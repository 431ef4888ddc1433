"""JSON documents of a run, read with a sentence for what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scheme.errors import StoreError


def read_document(path: Path, form: str, written_by: str, key: str = "format") -> dict[str, Any]:
    """Return a JSON document of a known form.

    Args:
        form: What its `format` (or another key) must say, such as jakarta-one/plan/1.
        written_by: The command that writes it.

    Raises:
        StoreError: If there is none, it is not JSON, or of another or a newer form; names both.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as wrong:
        raise StoreError(
            f"{path}: expected {form}, got {wrong}; {written_by} writes one"
        ) from wrong
    said = document.get(key) if isinstance(document, dict) else None
    if said != form:
        raise StoreError(
            f"{path}: {key}: expected {form}, got {said!r}; a newer one needs a newer judge"
        )
    return dict(document)
