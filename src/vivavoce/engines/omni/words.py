"""The words of one answer, as the model makes them."""

from collections.abc import Callable
from typing import Any

from vivavoce.core.turn import TextDelta
from vivavoce.engines.beside import Give

UNFINISHED = "\ufffd"
"""What part of a character is decoded as."""


class Words:
    """Where the library puts the prompt, then each token: text goes out as soon as it cannot begin a stop sequence."""

    def __init__(
        self, decode: Callable[[list[int]], str], last: int, stops: tuple[str, ...], give: Give[TextDelta]
    ) -> None:
        """`last` is the token that ends an answer, and no part of it."""
        self._decode, self.last, self._stops, self._give = decode, last, stops, give
        self._prompted = False
        self._ids: list[int] = []
        self._told = 0
        self.text = ""
        """What has gone out."""
        self.ended = False
        """Whether a stop sequence came."""

    @property
    def tokens(self) -> int:
        """How many the answer has."""
        return len(self._ids)

    def put(self, tokens: Any) -> None:
        """Take what came."""
        if not self._prompted:
            self._prompted = True
            return
        self._ids += [token for token in tokens.tolist() if token != self.last]
        self._tell(self._decode(self._ids).rstrip(UNFINISHED), last=False)

    def end(self) -> None:
        """All came: let go what was held back."""
        self._tell(self._decode(self._ids), last=True)

    def _tell(self, text: str, *, last: bool) -> None:
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        self.ended = bool(found)
        end = min(found, default=len(text) if last else len(text) - self._held(text))
        if end > len(self.text):
            self._give(TextDelta(text[len(self.text) : end], len(self._ids) - self._told))
            self.text, self._told = text[:end], len(self._ids)

    def _held(self, text: str) -> int:
        """How long the end of the text is that a stop sequence may begin with."""
        lengths = (n for stop in self._stops for n in range(1, len(stop)) if text.endswith(stop[:n]))
        return max(lengths, default=0)
