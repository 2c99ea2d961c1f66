"""Files that are kept: where, whole or not at all, by one process at a time, their hash beside them."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes there will be; 0: not known."""

CHUNK = 1 << 20
SPARE = 16 << 20
"""Bytes of disk left free beside what is fetched."""


class FetchFailed(Exception):
    """A model could not be had; the message is one line for the person at the terminal."""


def folder() -> Path:
    """Where weights live: `$VIVAVOCE_HOME/weights`, else `vivavoce/weights` in the user's cache folder."""
    if home := os.environ.get("VIVAVOCE_HOME"):
        return Path(home) / "weights"
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "vivavoce" / "weights"


def unseen(here: int, whole: int) -> None:
    """Progress nobody asked for."""


def note(path: Path) -> Path:
    """Where a file's hash stands, once the file was found right."""
    return path.with_name(path.name + ".sha256")


def noted(path: Path) -> str:
    """The hash a file had when it came; empty where it is not here whole."""
    try:
        return note(path).read_text().strip() if path.is_file() else ""
    except OSError:
        return ""


def sha256(path: Path) -> str:
    """A file's hash, read now."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep(made: Path, path: Path, hashed: str) -> None:
    """Put a file that was found right in its place, all at once, and note its hash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    note(path).unlink(missing_ok=True)  # of another file of that name: never beside this one
    made.replace(path)
    note(path).write_text(hashed + "\n")


def forget(path: Path) -> None:
    """Delete a file and what was noted of it, and the folders this leaves empty."""
    path.unlink(missing_ok=True)
    note(path).unlink(missing_ok=True)
    for name in ("part", "json"):
        beside(path, name).unlink(missing_ok=True)
    top = folder()
    for parent in path.parents:
        if parent == top or top not in parent.parents:
            break
        with suppress(OSError):
            parent.rmdir()


def beside(path: Path, ending: str) -> Path:
    """Where what is not whole yet is kept, away from the folders that engines read."""
    name = hashlib.sha256(str(path.relative_to(folder())).encode()).hexdigest()[:32]
    return folder() / ".partial" / f"{name}.{ending}"


def check_room(path: Path, needed: int, called: str) -> None:
    """Find out before anything is fetched that the disk is too full.

    Raises:
        FetchFailed: it is.
    """
    place = next(parent for parent in path.parents if parent.exists())
    if shutil.disk_usage(place).free < needed + SPARE:
        raise FetchFailed(f"{called} needs {in_units(needed + SPARE)} of free disk in {place}.")


def in_units(count: int) -> str:
    """Bytes as people say them: powers of ten, as disks and model hubs do."""
    for size, unit in ((10**9, "GB"), (10**6, "MB")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1000:.0f} kB"


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold a file, whether it is there or not, against other processes that would fetch it.

    Raises:
        FetchFailed: nothing can be kept here.
    """
    lock = beside(path, "lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        opened = lock.open("wb")
    except OSError as error:
        raise FetchFailed(f"{path.name} cannot be kept in {folder()}: {error.strerror or error}.") from error
    with opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
