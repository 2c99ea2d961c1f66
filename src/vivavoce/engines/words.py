"""The words of one answer of llama.cpp's, as they may go out."""

import re
from collections import deque

from vivavoce.core.phrases import Phrases
from vivavoce.core.turn import Reason, TextDelta, TokenLogprob

_SENTENCE = re.compile(r"[.!?。！？…][\"')\]}»”’」』*_`~]*\Z")
_SIGNS = 9  # more than end a sentence
_TRAILING_OFF = re.compile(r"(?:…|\.\.\.)[\"')\]}»”’*_`~]*(?=\s)")


class Words:
    """The words of one answer as they may go out: no white space leads or ends them, and they end in time.

    They go out as the model made them, token by token, so that whoever cuts them cuts between tokens.
    """

    def __init__(self, soft: int) -> None:
        self._soft = soft
        self._phrases = Phrases("sentence")
        self._text = ""
        self._space = ""  # what came after it: only told once words follow
        self._told = 0
        self._enough: int | None = None  # how long the text was when `soft` tokens had been made
        self._tokens: deque[tuple[int, int, tuple[TokenLogprob, ...]]] = deque()  # where each ends that was not told
        self._counted = 0
        self._thought = 0  # tokens made before the first word
        self.ended: Reason | None = None

    def add(self, more: str, made: int, logprobs: tuple[TokenLogprob, ...] = ()) -> list[TextDelta]:
        """What goes out now that there is `more`, and `made` tokens were made; a thought before the words is free."""
        if not more and not self._tokens and not self._text:
            self._thought = made
        before = len(self._text) + len(self._space)
        self._space = self._space + more if self._text else more.lstrip()
        text = self._space.rstrip()
        self._space = self._space[len(text) :]
        self._text += text
        end = len(self._text) + len(self._space)
        if end > before:
            self._tokens.append((end, made - self._counted, logprobs))
            self._counted = made
        pieces = self._phrases.feed(text)
        made -= self._thought
        if not self._soft or made < self._soft:
            return self.rest()
        if self._enough is None:
            self._enough = len(self._text)
        ends = [piece.end for piece in pieces if piece.end >= self._enough and self._is_end(piece.end)]
        dots = _TRAILING_OFF.finditer(self._text, max(0, self._enough - _SIGNS))
        ends += [found.end() for found in dots if found.end() >= self._enough]
        if ends:
            self.ended = "stop"
            return self._tell(min(ends))
        if made >= 2 * self._soft:
            self.ended = "length"
            return self.rest()
        return self._tell(self._enough)  # the rest of the sentence goes out whole: what follows tells where it ends

    def rest(self) -> list[TextDelta]:
        """All words that have not gone out."""
        return self._tell(len(self._text))

    def _is_end(self, at: int) -> bool:
        """Whether a piece that ends here ends a sentence or a line: long sentences are cut elsewhere as well."""
        return self._text[at : at + 1] in {"\r", "\n"} or bool(_SENTENCE.search(self._text, max(0, at - _SIGNS), at))

    def _tell(self, end: int) -> list[TextDelta]:
        deltas: list[TextDelta] = []
        while self._told < end:
            stop, tokens, logprobs = self._tokens.popleft()
            if stop > end:
                self._tokens.appendleft((stop, 0, ()))  # a token begun has been told
            deltas.append(TextDelta(self._text[self._told : min(stop, end)], tokens, logprobs))
            self._told = min(stop, end)
        return deltas
