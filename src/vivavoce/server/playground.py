"""The playground's files: the pages that browsers are given, and what they are made of. Open to everybody."""

import hashlib
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

from vivavoce.core.errors import NotFound

FOLDER = "/playground/"
PAGE = "index.html"
KINDS = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src 'self' blob:; "
    "img-src 'self' data:; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
    "vary": "Accept",
}
"""Each time the browser asks whether what it has is still it."""


class Playground:
    """The files, read once."""

    def __init__(self) -> None:
        folder = resources.files("vivavoce.playground")
        self._files = {
            file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in KINDS
        }

    async def file(self, request: Request) -> Response:
        """One of the pages' files; a page by its name alone.

        Raises:
            NotFound: there is none of that name.
        """
        name = request.path_params["name"]
        return self._answer(request, name if "." in name else f"{name}.html")

    def page(self, request: Request) -> Response:
        """The page of `/`."""
        return self._answer(request, PAGE)

    def _answer(self, request: Request, name: str) -> Response:
        data = self._files.get(name)
        if data is None:
            raise NotFound("The playground has no such file.", code="unknown_url")
        tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        headers = {**HEADERS, "etag": tag}
        known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
        if tag in known:
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers, media_type=KINDS[name.rpartition(".")[2]])


def wants_page(request: Request) -> bool:
    """Whether who asks is a browser: it would rather have HTML than JSON (source: RFC 9110, 12.5.1)."""
    accepted = ",".join(request.headers.getlist("accept"))
    return _wish(accepted, "text", "html") > _wish(accepted, "application", "json")


def _wish(accepted: str, kind: str, form: str) -> float:
    """How much a type is wished for, 0 to 1: what is said of it by name, else of its kind, else of all."""
    wishes: dict[str, float] = {}
    for each in accepted.lower().split(","):
        name, *parameters = [part.strip() for part in each.split(";")]
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        wishes[name] = float(weight) if weight.replace(".", "", 1).isdecimal() else 0.0
    named = (wishes.get(name) for name in (f"{kind}/{form}", f"{kind}/*", "*/*"))
    return next((wish for wish in named if wish is not None), 0.0)
