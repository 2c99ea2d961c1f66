"""What a local engine is: a plain blocking class that lives in a process of its own.

    class MyVoice:
        class Options(msgspec.Struct, forbid_unknown_fields=True):   # its `options = {…}` in TOML
            folder: LocalFolder = "…"                                 # see `engines.options`

        @staticmethod
        def foretold(options: Options) -> Card: ...                  # if it likes: what is known before; see `declared`
        def __init__(self, options: Options) -> None: ...            # loads; runs in the child; may take seconds
        def card(self) -> Card: ...                                   # what it can do, once loaded
        def synthesize(self, say: Utterance) -> Iterator[Pcm | None]: ...

It implements the methods of the roles it plays. Each call is one generator, run to its end on one thread of the
child; up to `card().parallel` calls run at once. Yielding None says "still working": it is where a call whose
client has left is stopped (the generator is closed), so an engine yields something at least every 100 ms of work.
An engine raises `PublicError`s for what a client may be told; anything else is a bug.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Card, Hearing, Transcript, Utterance
from vivavoce.core.turn import AudioDelta, TextDelta, ToolCallDelta, Turn, TurnDone


class LocalEngine(Protocol):
    """Any engine that runs in a child process."""

    def card(self) -> Card:
        """What it is and can do."""
        ...


class LocalTranscriber(LocalEngine, Protocol):
    """Hears one utterance."""

    def transcribe(self, audio: Pcm, ask: Hearing) -> Iterator[Transcript | None]:
        """Yield one final transcript, and None now and then while decoding. The sound has any rate."""
        ...


class LocalLanguageModel(LocalEngine, Protocol):
    """Thinks one answer."""

    def generate(self, turn: Turn) -> Iterator[TextDelta | ToolCallDelta | TurnDone | None]:
        """Yield the answer; `TurnDone` last, once. Speech parts carry their transcript."""
        ...

    def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text is."""
        ...


class LocalResponder(LocalEngine, Protocol):
    """Answers one turn in words and sound by itself."""

    def respond(self, turn: Turn) -> Iterator[TextDelta | AudioDelta | ToolCallDelta | TurnDone | None]:
        """Yield the answer, its sound at the engine's own rate (one rate within a call); `TurnDone` last, once."""
        ...


class LocalSynthesizer(LocalEngine, Protocol):
    """Says one piece."""

    def synthesize(self, say: Utterance) -> Iterator[Pcm | None]:
        """Yield its sound as it is made, at the engine's own rate (one rate within a call)."""
        ...
