"""For a library that prints what it is asked to say: nobody reads it."""

import os
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def hushed() -> Generator[None]:
    """Throw away what the process writes to standard error, native code too. Two at a time are one too many."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
