"""For a library that prints what it is asked to say, and for one that says why it failed only there."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hushed(into: Path | None = None) -> Generator[None]:
    """Have what the process writes to standard error, native code too, go into a file; None: nowhere.

    Two at a time are one too many.
    """
    kept = os.dup(2)
    elsewhere = os.open(into or os.devnull, os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(elsewhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(elsewhere)
