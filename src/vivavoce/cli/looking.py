"""Looks on this machine, and nowhere else, for servers that speak OpenAI's API."""

import asyncio
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import httpx2
import msgspec

from vivavoce.cli.terminal import harmless
from vivavoce.core.tasks import together
from vivavoce.engines.remote import Listed

USUAL = {11434: "Ollama", 8080: "a llama.cpp server", 8000: "vLLM", 1234: "LM Studio"}
LIMIT_S = 1.0
LARGEST = 1 << 20
"""Bytes of an answer; a list of models is far smaller."""
NOT_CHAT = re.compile(r"embed|rerank|whisper|tts|bge-", re.IGNORECASE)
PLAIN = re.compile(r"[\w@%+=:,./#-]+", re.ASCII)


class Root(msgspec.Struct):
    """What our own server says of itself at `/`."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answers."""

    port: int
    ours: bool = False
    """It is a Viva Voce."""
    locked: bool = False
    """It wants a key before it lists its models."""
    models: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """What makes one of its models our brain."""
        thinker = next((model for model in self.models if not NOT_CHAT.search(model)), "MODEL")
        address = f"http://localhost:{self.port}/v1#{thinker}"
        return f"--think {address if PLAIN.fullmatch(address) else shlex.quote(address)}"


async def look(ports: Sequence[int], limit_s: float = LIMIT_S) -> list[Found]:
    """Ask every port at once; those where a server of this API answers within the limit, in order."""
    async with httpx2.AsyncClient(trust_env=False, timeout=limit_s) as client:
        found = await together([_ask(client, port, limit_s) for port in dict.fromkeys(ports)])
    return [each for each in found if each is not None]


async def _ask(client: httpx2.AsyncClient, port: int, limit_s: float) -> Found | None:
    base = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(limit_s):
            if _is_ours(await _get(client, f"{base}/")):
                return Found(port, ours=True)
            status, body = await _get(client, f"{base}/v1/models")
        if status in {401, 403}:
            return Found(port, locked=True)
        listed = msgspec.json.decode(body, type=Listed).data if status == 200 else None
    except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, TimeoutError, msgspec.MsgspecError, ValueError):
        return None
    return None if listed is None else Found(port, models=tuple(harmless(model.id) for model in listed))


async def _get(client: httpx2.AsyncClient, address: str) -> tuple[int, bytes]:
    body = b""
    async with client.stream("GET", address) as response:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > LARGEST:
                return 0, b""
        return response.status_code, body


def _is_ours(answer: tuple[int, bytes]) -> bool:
    try:
        return answer[0] == 200 and msgspec.json.decode(answer[1], type=Root).name == "vivavoce"
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
