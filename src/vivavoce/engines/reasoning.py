"""Keeps what a model thinks to itself out of what it says, where its server leaves both in one text."""

from vivavoce.core.turn import TokenLogprob
from vivavoce.engines.logprobs import Piece

OPEN, CLOSE = "<think>", "</think>"


class Aloud:
    """The words of one answer without the `<think>…</think>` it begins with; a tag may come in pieces."""

    def __init__(self) -> None:
        self._held = ""
        self._inside: bool | None = None  # None: nothing has been said, so it may still begin with a thought
        self._thought = False
        self._waiting: list[Piece] = []  # what was fed and is held back

    def piece(self, text: str, tokens: tuple[TokenLogprob, ...]) -> Piece:
        """`feed`, with the tokens that spell what may be said; none where part of their text may not be."""
        self._waiting.append((text, tokens))
        return self._spelt(self.feed(text))

    def rest(self) -> Piece:
        """`end`, with the tokens that spell it."""
        return self._spelt(self.end())

    def _spelt(self, said: str) -> Piece:
        waited = self._waiting
        if said or self._inside:
            self._waiting = []
        for start in reversed(range(len(waited) if said else 0)):
            if "".join(text for text, _ in waited[start:]).lstrip() == said.lstrip():
                return said, tuple(token for _, tokens in waited[start:] for token in tokens)
        return said, ()

    def feed(self, text: str) -> str:
        """What may be said now that there is more of it."""
        if self._inside is False:
            return text
        self._held += text
        if self._inside is None:
            start = self._held.lstrip()
            self._held = start if self._thought else self._held
            if OPEN.startswith(start[: len(OPEN)]):
                if len(start) < len(OPEN):
                    return ""
                self._inside, self._held = True, start.removeprefix(OPEN)
            else:
                return self.end()
        _, close, after = self._held.partition(CLOSE)
        if close:
            # what follows a thought begins the answer, or another thought
            self._inside, self._thought, self._held = None, True, ""
            return self.feed(after)
        self._held = self._held[-len(CLOSE) :]
        return ""

    def end(self) -> str:
        """What was held back and turned out to be no thought."""
        said = "" if self._inside else self._held
        self._inside, self._held = False, ""
        return said
