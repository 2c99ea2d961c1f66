"""Sounds one after the other in files of a minute each: to make a file takes longer than to write what is in it."""

import asyncio
import os
import secrets
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from vivavoce.store.files import remove, settle

MINUTE_S = 60.0
"""How long one file is added to: so much longer than its first sound its last one is kept."""


class Place(NamedTuple):
    """Where a sound is."""

    file: str
    """By its path in the folder."""
    start: int
    """Bytes before it."""
    size: int
    """Bytes."""


class Segments:
    """One folder of such files. They are written and deleted in the database's thread, with their rows.

    One of a process that died is never added to, nor one from which something was taken back: should a row of it be
    there after all, it names no sound, and not another's.
    """

    def __init__(self, folder: Path, ending: str, now: Callable[[], float]) -> None:
        self._folder = folder
        self._ending = ending
        self._now = now
        self._name: str | None = None
        """The one that is added to."""
        self._until = 0.0
        self._disk = ThreadPoolExecutor(1, "sounds")

    @contextmanager
    def added(self, sounds: Sequence[bytes]) -> Generator[list[Place]]:
        """Add sounds, and say where they are; they are on disk when it ends, and taken back where what is done fails.

        Raises:
            OSError: they cannot be written.
        """
        name, self._name = self._current(), None
        file = os.open(self._folder / name, os.O_WRONLY | os.O_APPEND)
        before = os.fstat(file).st_size
        waiting: list[Future[None]] = []
        try:
            for sound in sounds:
                _write(file, sound)
            waiting.append(self._disk.submit(os.fdatasync, file))  # beside the rows: the disk takes both as one
            starts = accumulate(map(len, sounds), initial=before)
            yield [Place(name, start, len(sound)) for sound, start in zip(sounds, starts, strict=False)]
            waiting[0].result()
        except BaseException:
            wait(waiting)
            os.ftruncate(file, before)
            raise
        finally:
            os.close(file)
        self._name = name

    async def read(self, place: Place) -> bytes | None:
        """A sound; None where it is gone."""
        return await asyncio.to_thread(self._read, place)

    def keep_only(self, names: Collection[str]) -> None:
        """Delete every file but those of these names, and the one that is added to."""
        for path in self._folder.rglob(f"*{self._ending}"):
            name = str(path.relative_to(self._folder))
            if name not in names and (name != self._name or self._over):
                remove(path)

    def cut(self, ends: Mapping[str, int]) -> None:
        """Have no file be longer than this: what a process that died has added, and no row names.

        Raises:
            OSError: one cannot be cut.
        """
        for name, end in ends.items():
            path = self._folder / name
            if name != self._name and path.exists() and path.stat().st_size > end:
                os.truncate(path, end)

    @property
    def _over(self) -> bool:
        return self._now() >= self._until

    def _current(self) -> str:
        if self._name is not None and not self._over:
            return self._name
        self._folder.mkdir(exist_ok=True, mode=0o700)
        name = f"{secrets.token_hex(16)}{self._ending}"
        os.close(os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        settle(self._folder)
        self._until = self._now() + MINUTE_S
        return name

    def _read(self, place: Place) -> bytes | None:
        try:
            with (self._folder / place.file).open("rb") as file:
                file.seek(place.start)
                sound = file.read(place.size)
        except OSError:
            return None
        return sound if len(sound) == place.size else None


def _write(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
