"""Data folders whose database is made already: making one takes 30 ms, opening one that is made 4."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from vivavoce.store.database import FILE, Database


async def opened(folder: Path) -> Database:
    """The database of a folder, which gets an empty one if it has none."""
    path = folder / FILE
    if folder.is_dir() and not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(_made())
    return await Database.open(folder)


@cache
def _made() -> bytes:
    with TemporaryDirectory() as folder, ThreadPoolExecutor(1) as beside:  # a loop runs here
        return beside.submit(asyncio.run, _make(Path(folder))).result()


async def _make(folder: Path) -> bytes:
    await (await Database.open(folder)).close()
    return (folder / FILE).read_bytes()
