"""What a folder of a sherpa-onnx model holds: which kind it is, and how the library makes it.

The library has a factory or a configuration for each kind, with an argument for each file. So a kind it learns
tomorrow is found here as well, if its files are named after the arguments, as the library's own releases name them.
"""

import inspect
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivavoce.engines.sherpa import files
from vivavoce.engines.sherpa.files import Settings


class Unclear(RuntimeError):
    """The folder is not enough to go by; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model: its folder, its kind, and the library's factory of its kind where it hears."""

    folder: Path
    kind: str
    make: Any = None

    @property
    def hears(self) -> bool:
        """Whether it is a recogniser."""
        return self.make is not None


def find(sherpa: Any, folder: Path, kind: str, streaming: bool | None) -> Found:
    """What a folder holds, told from its name and its files as far as it is not given.

    Raises:
        Unclear: that is not enough to go by.
    """
    if not folder.is_dir():
        raise Unclear(f"{folder}: no such folder")
    streams = "streaming" in folder.name if streaming is None else streaming
    ears = sherpa.OnlineRecognizer if streams else sherpa.OfflineRecognizer
    heard = {name.removeprefix("from_"): getattr(ears, name) for name in dir(ears) if name.startswith("from_")}
    voices = sherpa.OfflineTtsModelConfig()
    known = sorted({*heard, *(name for name in dir(voices) if hasattr(getattr(voices, name), "validate"))})
    kind = kind or _kind_of(folder, known)
    if kind not in known:
        raise Unclear(f"kind '{kind}' is none of {', '.join(known)}")
    return Found(folder, kind, heard.get(kind))


def recogniser(found: Found, language: str, settings: Settings) -> Any:
    """Make a recogniser: the arguments of its factory that have no default are its files.

    Raises:
        Unclear: a file is missing, or a setting is none of the factory's.
    """
    arguments = inspect.signature(found.make).parameters
    wanted = {name for name, argument in arguments.items() if argument.default is inspect.Parameter.empty}
    given = files.find(found.folder, wanted, small=True) | files.placed(found.folder, settings)
    if "language" in arguments:  # else Whisper takes everything for English
        given.setdefault("language", language)
    if missing := wanted - set(given):
        raise Unclear(f"{found.folder}: no file is its {' or its '.join(sorted(missing))}; `settings` can name it")
    _check(given, set(arguments))
    return found.make(**given)


def voice(sherpa: Any, found: Found, settings: Settings) -> Any:
    """Make a voice: what is text in the configuration of its kind is a file.

    Raises:
        Unclear: the files are not those of its kind, or a setting is none of its.
    """
    config = sherpa.OfflineTtsConfig()
    holders = {name: each for each in (config, config.model, getattr(config.model, found.kind)) for name in dir(each)}
    own = getattr(config.model, found.kind)
    named = [name for name in dir(own) if name[0] != "_" and isinstance(getattr(own, name), str)]
    given = files.find(found.folder, named, small=False) | files.placed(found.folder, settings)
    _check(given, set(holders))
    for name, value in given.items():
        setattr(holders[name], name, value)
    if not config.validate():
        raise Unclear(f"{found.folder}: not the files of a {found.kind} voice; `settings` can name them")
    return sherpa.OfflineTts(config)


def _kind_of(folder: Path, known: Collection[str]) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", folder.name.lower())
    named = [kind for kind in known if re.search(rf"(?<![a-z]){kind}", name)]
    if named:
        return max(named, key=len)
    if list(folder.glob("*joiner*.onnx")):
        return "transducer"
    raise Unclear(f"{folder}: its name does not tell what it is; set `kind` to one of {', '.join(known)}")


def _check(given: Iterable[str], known: Collection[str]) -> None:
    if unknown := sorted(set(given) - set(known)):
        raise Unclear(f"settings: the model has no {' and no '.join(unknown)}")
