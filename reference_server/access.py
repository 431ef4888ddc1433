"""Who may call what: nothing is open by default but liveness.

An operator's call bears the token made at the first start; a device's download bears a MAC under
its sender's key and an instant; an upload bears its seal (`proof`).
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from reference_server.devices import Senders
from scheme.cryptograms import cmac
from scheme.errors import StoreError

DEVICE_CLOCK_SKEW_S = 300  # docs/spec/clearing.md, "Access"


def make_token(path: Path) -> str:
    """Return the operator's token, made at the first start and readable by its owner alone.

    Raises:
        StoreError: If the disk does not take it.
    """
    if path.exists() and (made := path.read_text().strip()):
        return made
    token = secrets.token_urlsafe(32)
    # Whole or not at all: a first start that a full disk broke off must not leave an empty token.
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(token + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
    return token


def bears_token(authorization: str | None, token: str) -> bool:
    """Return whether an Authorization header bears the operator's token."""
    given = (authorization or "").encode()
    return hmac.compare_digest(given, f"Bearer {token}".encode())


def device_mac(mac_key: bytes, path: str, at_s: int) -> bytes:
    """Return the MAC that a device puts on a download."""
    return cmac(mac_key, f"GET {path}\n{at_s}".encode())


def is_device(
    senders: Senders, path: str, now_s: int, headers: tuple[str | None, str | None, str | None]
) -> bool:
    """Return whether sender, instant and MAC headers are an enrolled sender's, and fresh."""
    try:
        number, at_s, mac = int(headers[0] or ""), int(headers[1] or ""), headers[2] or ""
        given = bytes.fromhex(mac)
    except ValueError:
        return False
    sender = senders.get(number)
    if sender is None or not any(sender.mac_key) or abs(now_s - at_s) > DEVICE_CLOCK_SKEW_S:
        return False
    return hmac.compare_digest(device_mac(sender.mac_key, path, at_s), given)
