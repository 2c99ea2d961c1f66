"""A blocking engine that does what the tests of the pool ask of it, and tells what happens to it."""

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from vivavoce.core import errors
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Card, Hearing, Transcript, Utterance
from vivavoce.core.turn import AudioDelta, TextDelta, Turn, TurnDone

SECRET = "what people said"


class OwnRefusal(errors.BadRequest):
    """A refusal of a kind that only this engine knows."""


class Blocking:
    """Runs in a child; its news go to the datagram socket `news`, its gates are files in `folder`."""

    hears_at = 16_000

    class Options(msgspec.Struct, forbid_unknown_fields=True):
        """How it behaves."""

        news: str = ""
        folder: str = ""
        parallel: int = 1
        load: str = ""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._news = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.tell(f"loading {os.getpid()}")
        match options.load:
            case "runtime":
                raise RuntimeError("no weights there")
            case "bug":
                raise KeyError("a bug")
            case "abort":
                os.abort()
            case "wait":
                time.sleep(600)
            case "once":  # the first time only
                marker = Path(options.folder, "loaded")
                if marker.exists():
                    raise RuntimeError("only once")
                marker.touch()
            case _:
                pass

    def tell(self, what: str) -> None:
        if self._options.news:
            self._news.sendto(what.encode(), self._options.news)

    def card(self) -> Card:
        return Card("blocking", ("hear", "speak"), ("one",), parallel=self._options.parallel)

    def answer(self, items: int) -> Iterator[int]:
        """Yield at once."""
        yield from range(items)

    def backwards(self, sound: Pcm) -> Iterator[Pcm]:
        yield Pcm(sound.data[::-1], sound.rate)

    def ended(self, name: str, items: int) -> Iterator[int]:
        """Yield at once, and tell when it has been asked for more than the last."""
        yield from range(items)
        self.tell(f"ended {name}")

    def steps(self, name: str) -> Iterator[str | None]:
        """Work in small steps until the gate of that name is there, or nobody wants it any more."""
        self.tell(f"begun {name}")
        try:
            yield name
            while not Path(self._options.folder, name).exists():
                yield None
                time.sleep(0.002)
        except GeneratorExit:
            self.tell(f"closed {name}")
            raise
        self.tell(f"ended {name}")
        yield f"{name} done"

    def crash(self) -> Iterator[int]:
        yield 1
        os.abort()

    def hang(self, name: str) -> Iterator[int]:
        self.tell(f"begun {name}")
        threading.Event().wait()
        yield 1

    def bug(self) -> Iterator[int]:
        yield 1
        raise ValueError(SECRET)

    def missing_file(self) -> Iterator[int]:
        yield 1
        raise FileNotFoundError(SECRET)

    def leave(self) -> Iterator[int]:
        """End the thread without a word."""
        yield 1
        raise SystemExit

    def unspeakable(self) -> Iterator[object]:
        """Yield what no frame can hold."""
        yield object()

    def refuse(self, kind: str) -> Iterator[int]:
        match kind:
            case "OwnRefusal":
                raise OwnRefusal("no", param="messages", code="own")
            case "Overloaded":
                raise errors.Overloaded
            case "RateLimited":
                raise errors.RateLimited(9)
            case "EngineTimeout":
                raise errors.EngineTimeout
            case "EngineFailed":
                raise errors.EngineFailed("gave up")
            case _:
                raise getattr(errors, kind)("no", param="messages", code="because")
        yield 1

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]

    def transcribe(self, audio: Pcm, ask: Hearing) -> Iterator[Transcript | None]:
        yield None
        yield Transcript(f"{audio.samples} at {audio.rate}", language=ask.language)

    def respond(self, turn: Turn) -> Iterator[TextDelta | AudioDelta | TurnDone | None]:
        """A word, half a second of silence in two pieces at the rate that the voice names, the end."""
        rate = int(turn.voice or 0)
        yield TextDelta("Hm.")
        yield None
        for end in (2, 3) if rate else ():
            yield AudioDelta(Pcm(bytes(2 * (rate // 4)), rate), end)
        yield TurnDone("stop")

    def synthesize(self, say: Utterance) -> Iterator[Pcm | None]:
        """As many tenths of a second of silence as there are letters, at the rate that the voice names."""
        for _ in say.text:
            yield None
            yield Pcm(bytes(2 * int(int(say.voice) / 10)), int(say.voice))
