"""A model hub: what a repository holds, how large it is, under which licence, and from where each file comes.

Hugging Face's hub, or any that answers as it does at `$HF_ENDPOINT`; `$HF_TOKEN` opens what is closed. Both are read as
the hub's own tools read them.
"""

import os
import time
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any, cast
from urllib.parse import quote

import httpx2
import msgspec

from vivavoce.catalogue.asking import Wait, asking, host_of, patiently, refused
from vivavoce.catalogue.downloads import Source
from vivavoce.catalogue.files import FetchFailed
from vivavoce.catalogue.references import OnHub, pieces, safe

DEFAULT = "https://huggingface.co"
LARGEST = 32 << 20
"""Bytes of a repository's description."""
NEVER = ("*.md", ".*", "*/.*", "*.png", "*.jpg", "*.gif", "*.py", "*.sh", "*.ipynb", "test_wavs/*", "*.imatrix")
"""What no engine reads."""
OTHERS = {
    "safetensors": ("*.bin", "*.pt", "*.pth", "*.h5", "*.msgpack", "*.ot", "*.onnx", "onnx/*", "*.gguf"),
    "onnx": ("*.bin.index.json", "pytorch_model*", "*.pt", "*.pth", "*.h5", "*.msgpack"),
}
"""The same weights in other forms, where there are some in this one."""


class Lfs(msgspec.Struct):
    """A file too large for git."""

    sha256: str = ""
    size: int = 0


class Sibling(msgspec.Struct):
    """A file of a repository."""

    rfilename: str
    size: int | None = None
    lfs: Lfs | None = None
    blob_id: str = msgspec.field(default="", name="blobId")


class Described(msgspec.Struct):
    """The answer of `GET /api/models/{repo}/revision/{revision}?blobs=true`."""

    sha: str = ""
    siblings: list[Sibling] = msgspec.field(default_factory=list[Sibling])
    card: dict[str, Any] | None = msgspec.field(default=None, name="cardData")
    tags: list[str] = msgspec.field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Repository:
    """What a reference finds on the hub."""

    commit: str
    licence: str
    """As the hub has it; empty: it says nothing."""
    files: dict[str, Source]
    """By their path in it: those that are wanted."""


def find(wanted: OnHub, include: list[str], http: httpx2.Client, wait: Wait = time.sleep) -> Repository:
    """Ask the hub what a reference stands for.

    Raises:
        FetchFailed: there is no such repository or file, or the hub does not answer.
    """
    api = f"{endpoint()}/api/models/{wanted.repo}/revision/{quote(wanted.revision, safe='')}?blobs=true"
    described = patiently(lambda: _ask(api, wanted, http), "the model hub", wait)
    known = {safe(each.rfilename): each for each in described.siblings}
    commit = described.sha or wanted.revision
    paths = _file(wanted, list(known)) if wanted.path else _folder(wanted, list(known), include)
    return Repository(commit, _licence(described), {path: _source(wanted.repo, commit, known[path]) for path in paths})


def endpoint() -> str:
    """The hub's address."""
    return (os.environ.get("HF_ENDPOINT") or DEFAULT).rstrip("/")


def _ask(api: str, wanted: OnHub, http: httpx2.Client) -> Described:
    with asking(http, api, {}, _token()) as response:
        if response.status_code != 200:
            raise _refused(response, wanted)
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > LARGEST:
                raise FetchFailed(f"the model hub says more of {wanted.repo} than can be read.")
    try:
        return msgspec.json.decode(body, type=Described)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise FetchFailed(f"{host_of(api)} does not answer as a model hub does.") from None


def _refused(response: httpx2.Response, wanted: OnHub) -> FetchFailed:
    """What the hub means: it says 401 of a repository that is not there to who may not know."""
    code = response.headers.get("x-error-code", "")
    if code == "RevisionNotFound":
        return FetchFailed(f"{wanted.repo} has no revision '{wanted.revision}'.")
    if response.status_code in {401, 404} and code != "GatedRepo":
        return FetchFailed(f"the model hub has no {wanted.repo}, or only for some: $HF_TOKEN says who you are.")
    return refused(response, str(response.url), wanted.repo)


def _token() -> str:
    return os.environ.get("HF_TOKEN", "").strip()


def _source(repo: str, commit: str, file: Sibling) -> Source:
    url = f"{endpoint()}/{repo}/resolve/{commit}/{quote(file.rfilename)}"
    if file.lfs is not None:
        return Source(url, file.lfs.size or file.size or 0, file.lfs.sha256, token=_token())
    return Source(url, file.size or 0, git_sha1=file.blob_id, token=_token())


def _licence(described: Described) -> str:
    card = described.card or {}
    given = card.get("license")
    if given == "other":
        given = card.get("license_name") or given
    if not given:
        given = [tag.removeprefix("license:") for tag in described.tags if tag.startswith("license:")]
    listed = cast("list[Any]", given) if isinstance(given, list) else [given or ""]
    return ", ".join(str(each) for each in listed)


def _file(wanted: OnHub, paths: list[str]) -> list[str]:
    """One file; all its pieces where it comes in several."""
    if wanted.path not in paths:
        likes = [path for path in paths if path.endswith(".gguf")]
        listed = f"; it has {', '.join(likes)}" if likes else ""
        raise FetchFailed(f"{wanted.repo} has no {wanted.path}{listed}.")
    _whole(wanted, wanted.path, paths)
    return pieces(wanted.path)


def _folder(wanted: OnHub, paths: list[str], include: list[str]) -> list[str]:
    """What an engine needs of a repository, or what was asked for."""
    if include:
        chosen = [path for path in paths if any(fnmatch(path, pattern) for pattern in include)]
        if not chosen:
            raise FetchFailed(f"nothing in {wanted.repo} is like {' or '.join(include)}.")
        return chosen
    chosen = [path for path in paths if not any(fnmatch(path, pattern) for pattern in NEVER)]
    for ending, others in OTHERS.items():
        if any(path.endswith(f".{ending}") for path in chosen):
            chosen = [path for path in chosen if not any(fnmatch(path, pattern) for pattern in others)]
            break
    ggufs = list(dict.fromkeys(pieces(path)[0] for path in chosen if path.endswith(".gguf")))
    if len(ggufs) > 1:
        raise FetchFailed(
            f"{wanted.repo} has several models; name one: {', '.join(f'{wanted.name}/{g}' for g in ggufs)}"
        )
    if not chosen:
        raise FetchFailed(f"{wanted.repo} has no file that an engine could read.")
    for gguf in ggufs:
        _whole(wanted, gguf, paths)
    return chosen


def _whole(wanted: OnHub, path: str, paths: list[str]) -> None:
    missing = [piece for piece in pieces(path) if piece not in paths]
    if missing:
        raise FetchFailed(f"{wanted.repo} lacks {missing[0]}, a piece of {path}.")
