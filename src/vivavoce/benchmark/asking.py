"""One turn: a question sent, and its streamed answer timed as its first bytes come."""

import asyncio
import base64
import binascii
import json
import time
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

import httpx2

from vivavoce.benchmark.player import Player
from vivavoce.conform.answer import Answer
from vivavoce.conform.sound import RATE
from vivavoce.conform.subject import BUSY

End: TypeAlias = Literal["answered", "refused", "failed"]
DONE = b"[DONE]"
LARGEST_EVENT = 32 << 20
"""Bytes of one event."""
OTHER_DIALECT = "its sound came in another dialect (chunks with modality 'audio'), not as delta.audio.data"


class Broken(Exception):
    """An answer that cannot be counted as one; why, without anybody's words."""


@dataclass(slots=True)
class Turn:
    """How a turn went. Times are seconds since the question was sent, which is when a spoken one had ended."""

    spoken: bool
    end: End = "failed"
    why: str = ""
    first_word_s: float | None = None
    first_audio_s: float | None = None
    total_s: float = 0
    player: Player = field(default_factory=Player)
    audio_id: str = ""
    words: str = ""
    """What was answered, for the history of a server that keeps none; never told."""

    @property
    def answered(self) -> bool:
        """Whether there was an answer, with sound, to its end."""
        return self.end == "answered"


class Asked:
    """A server under measurement, and how it wants to be asked."""

    def __init__(self, client: httpx2.AsyncClient, model: str, voice: str, wait_s: float) -> None:
        """`client` brings the address and the key; `wait_s` is the longest wait for one answer."""
        self._client = client
        self._wait_s = wait_s
        self.model = model
        self.voice = voice
        self.references = True
        """Whether it takes an earlier answer by its id; else the words are sent again."""
        self.hearing: str | None = None
        """Which model writes down what is said; None: it has none."""

    async def ask(self, messages: list[Any], *, spoken: bool) -> Turn:
        """Ask, and listen to the end."""
        body = {
            "model": self.model,
            "modalities": ["text", "audio"],
            "audio": {"voice": self.voice, "format": "pcm16"},
            "messages": messages,
            "stream": True,
        }
        content = json.dumps(body).encode()
        turn = Turn(spoken)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._wait_s):
                await self._listen(content, turn, began)
        except (TimeoutError, httpx2.TimeoutException):
            turn.why = f"no end within {self._wait_s:g} s"
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            turn.why = f"a broken connection ({type(error).__name__})"
        except Broken as broken:
            turn.why = str(broken)
        turn.total_s = time.perf_counter() - began
        return turn

    async def transcribe(self, wav: bytes) -> tuple[End, float]:
        """How asking for the words of a recording ended, and how many seconds it took."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._wait_s):
                answer = await self._client.post(
                    "audio/transcriptions", data={"model": self.hearing}, files={"file": ("question.wav", wav)}
                )
        except (TimeoutError, httpx2.HTTPError):
            return "failed", time.perf_counter() - began
        took_s = time.perf_counter() - began
        return "refused" if answer.status_code in BUSY else "answered" if answer.is_success else "failed", took_s

    async def _listen(self, content: bytes, turn: Turn, began: float) -> None:
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        async with self._client.stream("POST", "chat/completions", content=content, headers=headers) as response:
            if not response.is_success:
                answer = Answer(response.status_code, response.headers, await response.aread())
                turn.end = "refused" if response.status_code in BUSY else "failed"
                raise Broken(answer.refusal)
            kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
            if kind != "text/event-stream":
                raise Broken(f"expected a stream of events, came {kind[:64] or 'something without a type'}")
            await _events(response, turn, began)


async def _events(response: httpx2.Response, turn: Turn, began: float) -> None:
    ended, other, kept = False, False, bytearray()
    async for part in response.aiter_bytes():
        at = time.perf_counter()
        kept += part
        if len(kept) > LARGEST_EVENT:
            raise Broken(f"expected events of at most {LARGEST_EVENT >> 20} MiB, came more")
        *lines, rest = kept.split(b"\n")
        kept = bytearray(rest)
        for line in lines:
            data = bytes(line[5:]).strip() if line.startswith(b"data:") else b""
            if data == DONE:
                ended = True
            elif data:
                chunk = _chunk(data)
                other = other or chunk.get("modality") == "audio"
                ended = _take(chunk, turn, at, began) or ended
    if turn.first_audio_s is None:
        raise Broken(OTHER_DIALECT if other else "an answer without sound")
    if not ended:
        raise Broken("a stream that broke off")
    turn.end = "answered"


def _chunk(data: bytes) -> dict[str, Any]:
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        raise Broken("expected JSON in an event, came something else") from None
    if not isinstance(chunk, dict):
        raise Broken("expected an object in an event, came something else")
    return cast("dict[str, Any]", chunk)


def _take(chunk: dict[str, Any], turn: Turn, at: float, began: float) -> bool:
    """Count what a chunk brings; whether it says that the answer has ended."""
    if chunk.get("error"):
        raise Broken("an error in the stream")
    try:
        choices: list[dict[str, Any]] = chunk.get("choices") or [{}]
        choice = choices[0]
        delta: dict[str, Any] = choice.get("delta") or {}
        audio: dict[str, Any] = delta.get("audio") or {}
        words = audio.get("transcript") or delta.get("content") or ""
        sound = base64.b64decode(audio.get("data") or "", validate=True)
        turn.audio_id = turn.audio_id or str(audio.get("id") or "")
    except (AttributeError, LookupError, TypeError, binascii.Error):
        raise Broken("expected a chunk of a chat completion, came something else") from None
    if isinstance(words, str) and words:
        turn.words += words
        turn.first_word_s = at - began if turn.first_word_s is None else turn.first_word_s
    if sound:
        turn.first_audio_s = at - began if turn.first_audio_s is None else turn.first_audio_s
        turn.player.add(at, len(sound) / 2 / RATE)
    return choice.get("finish_reason") is not None
