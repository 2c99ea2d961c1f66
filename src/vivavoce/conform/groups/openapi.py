"""The server's own description."""

from vivavoce.conform.check import Group
from vivavoce.conform.seen import fail
from vivavoce.conform.subject import Subject

GROUP = Group("openapi")


@GROUP.may
async def described(subject: Subject) -> None:
    """`GET /openapi.json` describes the chat endpoint, in OpenAPI 3."""
    found = (await subject.get("/openapi.json", root=subject.root)).json()
    if not found["openapi"].text().startswith("3."):
        found["openapi"].is_not("3.x")
    paths = [path for path in found["paths"].fields() if path.endswith("/chat/completions")]
    if not paths:
        fail("the path of chat completions", f"{len(found['paths'].fields())} others")
    found["paths"][paths[0]]["post"].fields()
