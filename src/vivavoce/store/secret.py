"""A secret of this server's own, in a file beside the database that only its owner can read."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

BYTES = 32
OTHERS = 0o007
"""What a mode allows everybody. A group may be meant, for backups."""


def secret_in(path: Path) -> bytes:
    """The secret that a file holds, made at the first time. Whoever asks at the same moment is told the same.

    Raises:
        OSError: it can be neither read nor made, is damaged, or anybody on this machine can read it.
    """
    if not path.exists():
        _make(path)
    found = path.read_bytes()
    if len(found) != BYTES:
        raise OSError(0, f"is damaged: a secret has {BYTES} bytes", str(path))
    if path.stat().st_mode & OTHERS:
        raise OSError(0, "can be read by everybody on this machine: chmod 600 it", str(path))
    return found


def _make(path: Path) -> None:
    """Write it whole beside its place, then put it there, unless somebody was first."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)
