"""A file over HTTP: begun again where it was cut, checked when it is whole, and never used before."""

import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2
import msgspec

from vivavoce.catalogue import files
from vivavoce.catalogue.asking import Again, Wait, asking, host_of, patiently, refused
from vivavoce.catalogue.files import CHUNK, FetchFailed, Progress


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file is, and what is known of it."""

    url: str
    bytes: int = 0
    """0: not known."""
    sha256: str = ""
    git_sha1: str = ""
    """The id git has for it, where that is all there is."""
    token: str = ""
    """Sent to this address's own host, and nowhere else."""

    @property
    def file(self) -> str:
        """Its name."""
        return httpx2.URL(self.url).path.rpartition("/")[2]


class _Part(msgspec.Struct):
    """What is known of a file that has not come whole."""

    url: str
    bytes: int = 0
    sha256: str = ""
    etag: str = ""


def kept(source: Source, path: Path) -> bool:
    """Whether a file is here, was found right when it came, and is the one the source has, as far as that is known."""
    hashed = files.noted(path)
    if not hashed or (source.bytes and path.stat().st_size != source.bytes):
        return False
    if source.sha256:
        return hashed == source.sha256
    return not source.git_sha1 or _git_sha1(path) == source.git_sha1


def download(
    source: Source, path: Path, http: httpx2.Client, progress: Progress = files.unseen, wait: Wait = time.sleep
) -> None:
    """Bring a file to its place, unless it is there. Blocks; several processes may call it at once.

    Raises:
        FetchFailed: it cannot be had, or is not what it should be; what came of it is kept to go on from.
    """
    with files.locked(path):
        if kept(source, path):
            return
        try:
            if source.sha256 and path.is_file() and files.sha256(path) == source.sha256:
                files.note(path).write_text(
                    source.sha256 + "\n"
                )  # put here by hand, or we were stopped before the note
                return
            _Transfer(source, path, http, progress).run(wait)
        except OSError as error:
            why = f"{source.file} cannot be kept in {files.folder()}: {error.strerror or error}."
            raise FetchFailed(why) from error


class _Transfer:
    """One file on its way."""

    def __init__(self, source: Source, path: Path, http: httpx2.Client, progress: Progress) -> None:
        self._source, self._path, self._http, self._progress = source, path, http, progress
        self._part, self._note = files.beside(path, "part"), files.beside(path, "json")
        self._known = self._remembered()

    def run(self, wait: Wait) -> None:
        resumed = self._here() > 0
        while True:
            self._room()
            patiently(self._go_on, self._source.file, wait, self._here)
            hashed = files.sha256(self._part)
            if self._right(hashed):
                break
            self._drop()
            if not resumed:
                raise FetchFailed(
                    f"{self._source.file} came damaged, or is not what it should be; nothing of it is used."
                )
            resumed = False  # what was here before may have been of another file: once more, all of it
        files.keep(self._part, self._path, hashed)
        self._note.unlink()

    def _remembered(self) -> _Part:
        """What is known of the part that is here; of another file nothing is."""
        source = self._source
        try:
            known = msgspec.json.decode(self._note.read_bytes(), type=_Part)
        except (OSError, msgspec.MsgspecError):
            known = _Part("")
        same = known.sha256 == source.sha256 if source.sha256 else known.etag and known.url == source.url
        if same and self._part.is_file() and source.bytes in {0, known.bytes}:
            return known
        self._part.unlink(missing_ok=True)
        return _Part(source.url, source.bytes, source.sha256)

    def _here(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _room(self) -> None:
        files.check_room(self._path, max(0, self._known.bytes - self._here()), self._source.file)

    def _right(self, hashed: str) -> bool:
        if self._source.sha256:
            return hashed == self._source.sha256
        return not self._source.git_sha1 or _git_sha1(self._part) == self._source.git_sha1

    def _drop(self) -> None:
        self._part.unlink(missing_ok=True)
        self._known.etag = ""

    def _go_on(self) -> None:
        """Fetch what is missing.

        Raises:
            Again: not all of it came.
            FetchFailed: it never will.
        """
        here = self._here()
        if self._known.bytes and here >= self._known.bytes:
            return
        headers: dict[str, str] = {}
        if here and not self._source.sha256 and not self._known.etag:
            self._drop()  # nothing would tell whether the rest is of the same file
            here = 0
        if here:
            headers["range"] = f"bytes={here}-"
            if not self._source.sha256:  # else the hash tells in the end whether it is still the same file
                headers["if-range"] = self._known.etag
        with asking(self._http, self._source.url, headers, self._source.token) as response:
            if response.status_code == 416 and here:
                self._past_the_end(response, here)
            elif response.status_code in {200, 206}:
                self._take(response)
            else:
                raise refused(response, self._source.url, self._source.file)

    def _past_the_end(self, response: httpx2.Response, here: int) -> None:
        """There is no more than what is here, or what is here is of another file."""
        if _whole_length(response) != here:
            self._drop()
            raise Again("the file has changed meanwhile")
        self._known.bytes = here

    def _take(self, response: httpx2.Response) -> None:
        here = self._begin(response)
        self._note.write_bytes(msgspec.json.encode(self._known))
        self._room()
        with self._part.open("ab", buffering=0) as part:
            for piece in response.iter_raw():
                here += len(piece)
                if self._known.bytes and here > self._known.bytes:
                    break
                part.write(piece)
                self._progress(here, self._known.bytes)
        if self._known.bytes and here > self._known.bytes:
            self._drop()
            raise FetchFailed(f"{host_of(self._source.url)} sends more of {self._source.file} than there should be.")
        if self._known.bytes and here < self._known.bytes:
            raise Again(f"{host_of(self._source.url)} broke off")
        self._known.bytes = here

    def _begin(self, response: httpx2.Response) -> int:
        """Where in the file this answer begins: what is here must end there."""
        called, host = self._source.file, host_of(self._source.url)
        if response.headers.get("content-encoding", "identity") != "identity":
            raise FetchFailed(f"{host} sends {called} packed, although it was asked not to.")
        here = self._here() if response.status_code == 206 else 0
        if response.status_code == 206 and _first_byte(response) != here:
            self._drop()
            raise Again(f"{host} sent another piece than was asked for")
        whole = _whole_length(response)
        if whole and self._known.bytes and whole != self._known.bytes:
            self._drop()
            if self._source.bytes:
                raise FetchFailed(f"{host} offers {called} with {whole} bytes; it should have {self._source.bytes}.")
            self._known.bytes = whole
        if not whole and not self._known.bytes and not self._ends_surely(response):
            raise FetchFailed(f"{host} does not say how long {called} is: whether all of it came could not be told.")
        self._known.bytes = self._known.bytes or whole
        if here == 0:
            self._part.unlink(missing_ok=True)
            tag = response.headers.get("etag", "")
            self._known.etag = "" if tag.startswith("W/") else tag
            self._known.url = self._source.url
        return here

    def _ends_surely(self, response: httpx2.Response) -> bool:
        chunked = response.headers.get("transfer-encoding", "").lower() == "chunked"
        return chunked or bool(self._source.sha256 or self._source.git_sha1)


def _first_byte(response: httpx2.Response) -> int:
    found = re.match(r"bytes (\d+)-", response.headers.get("content-range", ""))
    return int(found[1]) if found else -1


def _whole_length(response: httpx2.Response) -> int:
    """How long the whole file is, as the server says; 0: it does not."""
    if response.status_code in {206, 416}:
        found = re.search(r"/(\d+)$", response.headers.get("content-range", ""))
        return int(found[1]) if found else 0
    length = response.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


def _git_sha1(path: Path) -> str:
    """The id git gives a file: a hub keeps small files in git itself, and lists these ids."""
    hashed = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            hashed.update(piece)
    return hashed.hexdigest()
