"""A blocking engine of known pace for every part of a turn; it runs in a process, as real ones do."""

import time
from collections.abc import Iterator, Sequence

import msgspec

from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.engines import Card, Hearing, Transcript, Utterance
from vivavoce.core.turn import TextDelta, Turn, TurnDone, Usage


class Paced:
    """Takes its time."""

    class Options(msgspec.Struct, forbid_unknown_fields=True):
        """Seconds for a recording, for a word, and for a piece; and how many words and calls."""

        hear_s: float = 0.02
        word_s: float = 0.01
        piece_s: float = 0.01
        words: int = 12
        parallel: int = 1

    def __init__(self, options: Options) -> None:
        self._options = options

    def card(self) -> Card:
        return Card("paced", ("hear", "think", "speak"), ("alloy",), parallel=self._options.parallel)

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def transcribe(self, audio: Pcm, ask: Hearing) -> Iterator[Transcript | None]:
        del audio, ask
        time.sleep(self._options.hear_s)
        yield Transcript("hello")

    def generate(self, turn: Turn) -> Iterator[TextDelta | TurnDone]:
        del turn
        for number in range(self._options.words):
            time.sleep(self._options.word_s)
            yield TextDelta("One more. " if number % 4 == 3 else "again ")
        yield TurnDone("stop", Usage(text_out=self._options.words))

    def synthesize(self, say: Utterance) -> Iterator[Pcm]:
        time.sleep(self._options.piece_s)
        yield Pcm(bytes(SPOKEN_RATE // 10 * 2 * len(say.text.split())), SPOKEN_RATE)
