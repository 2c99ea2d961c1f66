"""What a model is called, on the command line and in a configuration, and where it is kept."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias
from urllib.parse import urlsplit

from vivavoce.catalogue import files
from vivavoce.catalogue.files import FetchFailed

FORMS = "hf:owner/repo/file.gguf, hf:owner/repo, https://…/file, wheel:name==version!path or a file"


@dataclass(frozen=True, slots=True)
class OnHub:
    """A file of a repository on a model hub, or all that is needed of it."""

    repo: str
    revision: str = "main"
    path: str = ""
    """Empty: the repository as a folder."""

    @property
    def name(self) -> str:
        """As it is written."""
        at = "" if self.revision == "main" else f"@{self.revision}"
        return f"hf:{self.repo}{at}{f'/{self.path}' if self.path else ''}"

    @property
    def place(self) -> Path:
        """Where it is kept."""
        return files.folder() / self.name.replace(":", "/", 1)


@dataclass(frozen=True, slots=True)
class AtAddress:
    """A file anywhere."""

    url: str

    @property
    def pieces(self) -> list["AtAddress"]:
        """All the files that the model comes in."""
        url = urlsplit(self.url)
        return [AtAddress(url._replace(path=path).geturl()) for path in pieces(url.path)]

    @property
    def name(self) -> str:
        """As it is written, without what may be secret."""
        return urlsplit(self.url)._replace(query="", fragment="").geturl()

    @property
    def place(self) -> Path:
        """Where it is kept."""
        url = urlsplit(self.url)
        return files.folder() / url.scheme / url.netloc.replace(":", "_") / url.path.lstrip("/")


@dataclass(frozen=True, slots=True)
class InWheel:
    """A file inside a wheel."""

    requirement: str
    member: str

    @property
    def name(self) -> str:
        """As it is written."""
        return f"wheel:{self.requirement}!{self.member}"

    @property
    def place(self) -> Path:
        """Where it is kept."""
        return files.folder() / "wheel" / self.requirement / self.member


@dataclass(frozen=True, slots=True)
class FromDisk:
    """A file of this machine, copied."""

    file: str
    """Its own name."""
    source: Path | None = None
    """Where it is copied from."""

    @property
    def pieces(self) -> list["FromDisk"]:
        """All the files that the model comes in."""
        return [FromDisk(Path(path).name, Path(path)) for path in pieces(str(self.source or self.file))]

    @property
    def name(self) -> str:
        """As it is written."""
        return f"file:{self.file}"

    @property
    def place(self) -> Path:
        """Where it is kept."""
        return files.folder() / "file" / self.file


Reference: TypeAlias = OnHub | AtAddress | InWheel | FromDisk

SCHEMES = re.compile(r"(hf|https?|wheel|file):")
HUB = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w.-]+))?(/(?P<path>.+))?", re.ASCII)
WHEEL = re.compile(r"wheel:(?P<requirement>[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+?)!(?P<member>[^!]+)", re.ASCII)

SHARD = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<count>\d{5})\.gguf", re.ASCII)


def is_reference(text: str) -> bool:
    """Whether `text` names a model rather than a file's path."""
    return SCHEMES.match(text) is not None


def pieces(path: str) -> list[str]:
    """All the files of a model of which `path` is one: itself, unless it is a piece of several, as llama.cpp splits."""
    shard = SHARD.fullmatch(path)
    if shard is None or not int(shard["count"]):
        return [path]
    return [f"{shard['stem']}-{number:05}-of-{shard['count']}.gguf" for number in range(1, int(shard["count"]) + 1)]


def goes_with_another(path: str) -> bool:
    """Whether a GGUF is what a model hears or sees with, rather than a model: told by its name, as llama.cpp's is."""
    return path.endswith(".gguf") and "mmproj" in path.rpartition("/")[2].lower()


def parse(text: str) -> Reference:
    """What `text` refers to: of a model in pieces the first, which is the one that is opened.

    Raises:
        FetchFailed: it cannot be read.
    """
    if found := HUB.fullmatch(text):
        repo, path = safe(found["repo"]), safe(found["path"].rstrip("/")) if found["path"] else ""
        return OnHub(repo, safe(found["revision"] or "main"), pieces(path)[0])
    if found := WHEEL.fullmatch(text):
        return InWheel(found["requirement"], safe(found["member"]))
    if re.match(r"https?://", text):
        return _address(text)
    if text.startswith("file:"):
        file = text.removeprefix("file:")
        return FromDisk(Path(file).name, Path(file)).pieces[0]
    if not is_reference(text) and Path(text).is_file():
        return FromDisk(Path(text).name, Path(text)).pieces[0]
    raise FetchFailed(f"'{text}' names no model; it looks like {FORMS}.")


def safe(path: str) -> str:
    """A path that leads to no other folder.

    Raises:
        FetchFailed: it does.
    """
    steps = PurePosixPath(path).parts
    if not steps or path.startswith("/") or ".." in steps or any(not step.isprintable() for step in steps):
        raise FetchFailed(f"'{path}' is no path inside a model's folder.")
    return path


def _address(text: str) -> AtAddress:
    try:
        url = urlsplit(text)
        host = url.hostname
    except ValueError:
        raise FetchFailed("that is no address.") from None
    if "@" in url.netloc:
        raise FetchFailed("an address with a password in it is not taken: it would be kept with the model's name.")
    if not host or not url.path.strip("/") or url.path.endswith("/"):
        raise FetchFailed(f"{host or 'the address'}: it names no file.")
    safe(url.path.lstrip("/"))
    return AtAddress(text).pieces[0]
