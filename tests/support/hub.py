"""A model hub on this machine, with the shapes of the real one, and a second server where its large files are."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import ClassVar
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 1000
"""Bytes from which a file is kept apart, as LFS does."""


@dataclass
class Repo:
    """One repository."""

    files: dict[str, bytes]
    licence: object = "apache-2.0"
    gated: bool = False


@dataclass
class Hub:
    """Both servers; what they hold, what goes wrong next, and what they were asked."""

    url: str = ""
    store: str = ""
    """Where large files are: another host to a client."""
    repos: dict[str, Repo] = field(default_factory=dict[str, Repo])
    faults: list[str] = field(default_factory=list[str])
    """Of the next answers with a file's bytes, one after the other; then there are none."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list[tuple[str, dict[str, str]]])
    stop: Event = field(default_factory=Event)

    def ranges(self) -> list[str]:
        """What was asked of the store, a range each."""
        return [headers.get("range", "all") for path, headers in self.asked if path.startswith("/store/")]

    def fault(self) -> str:
        return self.faults.pop(0) if self.faults else ""


class Answer(BaseHTTPRequestHandler):
    """How both answer."""

    protocol_version = "HTTP/1.1"
    hub: ClassVar[Hub]

    def do_GET(self) -> None:
        path = unquote(self.path)
        self.hub.asked.append((path, {name.lower(): value for name, value in self.headers.items()}))
        if path.startswith("/api/models/"):
            self._describe(path)
        elif "/resolve/" in path:
            self._resolve(path)
        else:
            repo, _, file = path.partition("?")[0].removeprefix("/store/").partition("//")
            self._send(self.hub.repos[repo].files[file], self.hub.fault())

    def _describe(self, path: str) -> None:
        found = re.fullmatch(r"/api/models/(.+)/revision/(\w+)\?blobs=true", path)
        assert found, path
        repo = self.hub.repos.get(found[1])
        if repo is None:
            self._end(401, {"X-Error-Code": "RepoNotFound"})
        elif found[2] not in {"main", COMMIT}:
            self._end(404, {"X-Error-Code": "RevisionNotFound"})
        elif "describe 503" in self.hub.faults:
            self.hub.faults.remove("describe 503")
            self._end(503, {"Retry-After": "1"})
        else:
            files = [{"rfilename": name} | sizes(data) for name, data in repo.files.items()]
            card = {"license": repo.licence} if repo.licence else {}
            body = {"id": found[1], "sha": COMMIT, "siblings": files, "cardData": card, "tags": ["gguf"]}
            self._end(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    def _resolve(self, path: str) -> None:
        name, _, rest = path.lstrip("/").partition("/resolve/")
        repo, file = self.hub.repos[name], rest.partition("/")[2]
        if repo.gated and "authorization" not in self.hub.asked[-1][1]:
            self._end(403, {"X-Error-Code": "GatedRepo"})
        elif file not in repo.files:
            self._end(404, {"X-Error-Code": "EntryNotFound"})
        elif len(repo.files[file]) < LARGE:
            self._send(repo.files[file], self.hub.fault())
        else:
            data = repo.files[file]
            linked = {"X-Linked-Size": str(len(data)), "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"'}
            self._end(302, linked | {"Location": f"{self.hub.store}/store/{name}//{file}", "X-Repo-Commit": COMMIT})

    def _send(self, data: bytes, fault: str) -> None:
        """A file, or the piece that was asked for, unless something goes wrong."""
        tag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range", tag) == tag
        first = int(asked[1]) if asked and same and fault != "no ranges" else None
        headers = {"ETag": tag, "Accept-Ranges": "bytes"}
        if fault == "weak tag":
            headers["ETag"] = f"W/{tag}"
        if fault.isdecimal():
            self._end(int(fault), {"Retry-After": "7"} if fault == "503" else {})
        elif first is not None and first >= len(data):
            self._end(416, {"Content-Range": f"bytes */{len(data)}"})
        elif fault in {"long", "chunked short", "chunked"}:
            self._chunked(data[: -len(data) // 2] if fault == "chunked short" else data + b"x" * (fault == "long"))
        else:
            self._piece(data, first, headers, fault)

    def _piece(self, data: bytes, first: int | None, headers: dict[str, str], fault: str) -> None:
        body = data[first or 0 :]
        if first is not None:
            said = first + 1 if fault == "other piece" else first
            headers["Content-Range"] = f"bytes {said}-{len(data) - 1}/{len(data)}"
        if fault == "lie":
            body += b"more"
        if fault == "damaged":
            body = bytes(byte ^ 1 for byte in body)
        self.send_response(200 if first is None else 206)
        for name, value in headers.items():
            self.send_header(name, value)
        if fault == "packed":
            self.send_header("Content-Encoding", "gzip")
        if fault != "no length":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        short = fault in {"cut", "weak tag", "hang", "cut early"}
        self.wfile.write(body[: len(body) // 2] if short else body)
        if fault == "hang":
            self.wfile.flush()
            self.hub.stop.wait(20)
        self.close_connection = short or fault == "no length"

    def _chunked(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))

    def _end(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[Hub]:
    """Run both until left."""
    hub = Hub()
    answer = type("Answer", (Answer,), {"hub": hub})
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), answer) for _ in range(2)]
    for server in servers:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    hub.url, hub.store = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    try:
        yield hub
    finally:
        hub.stop.set()
        for server in servers:
            server.shutdown()
            server.server_close()


def sizes(data: bytes) -> dict[str, object]:
    """A file as the hub's list has it."""
    listed: dict[str, object] = {"size": len(data), "blobId": git_id(data)}
    if len(data) >= LARGE:
        listed["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return listed


def git_id(data: bytes) -> str:
    """The id git gives a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
