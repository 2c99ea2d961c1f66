"""Narrows the schema of a function's arguments to what a request says, so that a small model can only pick from it."""

import re
from collections.abc import Iterator, Sequence
from typing import cast

from vivavoce.engines.schemas import BOUND, ITEMS, Shape, count, listed, properties
from vivavoce.engines.stems import EMPTY, WORDS, stem, stems

SPANS_OF = 60
"""Most words of a request whose every run of words is offered as a value."""
SHORT = 3
"""Most words of a request that is nothing but a value."""
UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
UPTO_TWENTY = [*UNITS, "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
SPOKEN = {word: n for n, word in enumerate(UPTO_TWENTY)} | {word: 10 * n for n, word in enumerate(TENS, 2)}
LINKS = "to for of in on at from and with by or is are was that as"
NO_START = frozenset(LINKS.split()) | {"you", "me"}
NO_END = frozenset(LINKS.split()) | {"a", "an", "the", "my", "your", "his", "her", "their", "if"}


class Grounding:
    """What one request offers as arguments of one function."""

    def __init__(self, request: str, name: str) -> None:
        self._request = request
        self._words = request.split()
        self._bare = [" ".join(WORDS.findall(word.lower())) for word in self._words]
        self._all = {word for words in self._bare for word in words.split()}
        self._stems = {stem(word) for word in self._all}
        self._name = set(stems(name))
        self.numbers = list(dict.fromkeys(numbers(self._bare)))

    def narrow(self, shape: Shape) -> Shape:
        """The schema with every list of values, number and free text held to what the request has of it.

        What is required and not in the request stays as it is; what is optional and not in it is left out.
        Anything that fits the narrowed schema fits the schema.
        """
        taken = {stem for value in self._values(shape) for stem in stems(value)}
        found = [(span, plain) for span, plain in self._spans(taken) if span]
        plain = dict.fromkeys(span for span, plain in found if plain)
        spans = list(plain or dict.fromkeys(span for span, _ in found))
        return self._narrowed(shape, spans) or {}

    def _narrowed(self, shape: Shape, spans: list[str]) -> Shape | None:
        """None: the request says nothing of it."""
        if "enum" in shape:
            said = [value for value in listed(shape, "enum") if self._says(value)]
            # `checking` before `credit_card` only where it is said so, not where we `check`
            plainly = [value for value in said if set(_words(value)) <= self._all]
            return {**shape, "enum": plainly or said} if said else None
        if shape.get("type") in ("integer", "number"):
            fitting = [number for number in self.numbers if _fits(number, shape)]
            return {"enum": fitting} if fitting else None
        if shape.get("type") == "string" and not any(bound in shape for bound in BOUND):
            return {**shape, "enum": spans} if spans else None
        if shape.get("type") == "array" and isinstance(shape.get("items"), dict):
            return self._list(shape, spans)
        if isinstance(shape.get("properties"), dict):
            return self._object(shape, spans)
        return shape

    def _list(self, shape: Shape, spans: list[str]) -> Shape | None:
        items = self._narrowed(shape["items"], spans)
        if items is None:
            return None
        said = len(listed(items, "enum")) if "enum" in shape["items"] else 1
        most = min(count(shape, "maxItems", ITEMS), max(said, count(shape, "minItems", 0), 1))
        return {**shape, "items": items, "maxItems": most}

    def _object(self, shape: Shape, spans: list[str]) -> Shape | None:
        must = listed(shape, "required")
        fields: Shape = {}
        said = False
        for name, field in properties(shape).items():
            narrowed = self._narrowed(cast("Shape", field), spans) if isinstance(field, dict) else field
            said = said or narrowed is not None
            if narrowed is not None or name in must:
                fields[name] = field if narrowed is None else narrowed
        return {**shape, "properties": fields, "additionalProperties": False} if said else None

    def _says(self, value: object) -> bool:
        """Whether each word of a value is in the request."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value in self.numbers
        words = _words(value)
        return bool(words) and all(stem(word) in self._stems for word in words)

    def _values(self, shape: object) -> Iterator[str]:
        """Listed values that the request names: they say what they are for, and are no one's name."""
        if not isinstance(shape, dict):
            return
        node = cast("Shape", shape)
        yield from (str(value) for value in listed(node, "enum") if self._says(value))
        for field in properties(node).values():
            yield from self._values(field)
        yield from self._values(node.get("items"))

    def _spans(self, taken: set[str]) -> Iterator[tuple[str, bool]]:
        """Runs of the request's words that may be a value, and whether it has none of the listed values in it."""
        first = 0 if len(self._words) <= SHORT else 1  # an order begins with what to do
        for start in range(first, len(self._words) if len(self._words) <= SPANS_OF else 0):
            for end in range(start + 1, len(self._words) + 1):
                said = [word for words in self._bare[start:end] for word in words.split()]
                telling = [stem(word) for word in said if word not in EMPTY]
                if not telling or telling[0] in self._name or said[0] in NO_START or said[-1] in NO_END:
                    continue
                if set(telling) - taken - self._name:
                    yield " ".join(self._words[start:end]).strip('.,;:!?"“”'), not taken & set(telling)


def _words(value: object) -> list[str]:
    return WORDS.findall(str(value).lower().replace("_", " "))


def numbers(words: Sequence[str]) -> Iterator[int | float]:
    """The numbers a text names, in digits or in words up to 99 hundred: `forty five` is 45."""
    number: int | None = None
    for word in [*words, ""]:
        if word in SPOKEN:
            number = SPOKEN[word] if number is None else number + SPOKEN[word]
        elif word == "hundred" and number is not None:
            number *= 100
        else:
            if number is not None:
                yield number
            number = None
            if re.fullmatch(r"\d{1,15}", word):
                yield int(word)


def _fits(number: float, shape: Shape) -> bool:
    least, most = shape.get("minimum", number), shape.get("maximum", number)
    above, below = shape.get("exclusiveMinimum", number - 1), shape.get("exclusiveMaximum", number + 1)
    step = shape.get("multipleOf", 0)
    try:
        return bool(least <= number <= most and above < number < below and not (step and number % step))
    except TypeError:  # not numbers: llama.cpp refuses it
        return True
