"""Chooses a tool for a request by the words they share, for a model too small to choose by itself."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from vivavoce.core.turn import Tool
from vivavoce.engines.schemas import listed, parsed, properties
from vivavoce.engines.stems import COMMON, FILLERS, HUMPS, WORDS, stems

NAME, NEEDED, DESCRIPTION, OPTIONAL, NOTE = 3.0, 2.2, 2.1, 1.0, 0.6
"""What a word is worth by where the tool has it: its name, a value of a parameter that is required, its
description, a value of a parameter that is not required, or the description of a parameter."""
ENOUGH = 1.8
"""Least score of a call. Found with `bench/tools.py` on its first set, as were the weights."""
FIRST = 0.5
"""Added where the first word that says something is the tool's: an order begins with what to do."""
UNSAID = 0.1
"""Taken from the score for each word that the tool does not have: a long story shares a word with anything."""
UNLIKELY = 0.3
"""What is left of the score where the form of the sentence speaks against the tool."""

WORLD = re.compile(
    r"""(can\ you\ )?(explain|describe|define)\b
    | (can\ you\ )?tell\ me\ (about|why|who|how)\b
    | (why|who|who's|whose)\b
    | what(\ is|\ are|\ was|\ were|'s)\ (an?\b|the\ (best|history|difference|meaning)\b)
    | what\ (does|do|did)\ (?!i\b|we\b)
    | how\ (do|does|did|can|to|many|old|far|fast|long)\b
    | (is|are|was|were|does|do|did)\ (?!it\b|there\b|the\b|this\b|that\b|my\b|i\b|we\b|any\b)\w+""",
    re.VERBOSE,
)
"""A question about the world at large, unless it is about what is the speaker's own."""
OWN = re.compile(r"\b(my|our|mine|i have|i've|do i|am i|are we|do we)\b")
ASKS = re.compile(r"(what|what's|which|when|where|how|how's|is|are|was|were|do|does|did|has|have)\b")
"""A question: for a tool that looks something up, not for one that does something."""
REMARK = (
    "i'm|i am|i was|i had|i've|i have an?|my name is|i think|i feel|i felt|i'll|we|he|she|they|it's|that's|you|you're"
)
SAYS = re.compile(rf"({REMARK})\b")
"""A remark, which asks for nothing."""
LOOKING = """get look lookup find search check list fetch read query show tell retrieve return provide give
    report answer compute calculate convert translate current is what weather count estimate compare see view the
"""
LOOKS_UP = frozenset(LOOKING.split())
"""First words of the names and descriptions of tools that answer questions."""
GOES_ON = re.compile(r"(the|an?|my|it|its|is|are|he|she|they|this|that|there|i'm|i|we|you)\b|\S+$")
"""What comes after an `and` and is no order of its own."""
CLAUSES = re.compile(
    r"\s*(?:[.;!?,]\s+(?:and\s+)?(?:then\s+)?|\band\s+then\s+|\bthen\s+|\band\s+(?:also\s+)?)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Choice:
    """A tool to call, and the words that ask for it."""

    tool: int
    """Index into the turn's tools."""
    request: str


def choose(request: str, tools: Sequence[Tool], *, several: bool = False) -> list[Choice]:
    """The tools a request asks for: none, one, or where `several` one for each of its clauses that asks for another."""
    index = _Index(tools)
    if several:
        clauses = [clause for clause in CLAUSES.split(request) if clause and not GOES_ON.match(clause.lower())]
        found = [Choice(tool, clause) for clause in clauses for tool, score in index.best(clause) if score >= ENOUGH]
        if 1 < len(found) == len({choice.tool for choice in found}):
            return found
    return [Choice(tool, request) for tool, score in index.best(request) if score >= ENOUGH]


def closest(request: str, tools: Sequence[Tool]) -> Choice:
    """The tool nearest to a request where one must be called: the first if none shares a word with it."""
    return next((Choice(tool, request) for tool, _ in _Index(tools).best(request)), Choice(0, request))


class _Index:
    """What each word says for each tool."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._weights = [_weights(tool) for tool in tools]
        self._answers = [_looks_up(tool) for tool in tools]
        having = Counter(stem for weights in self._weights for stem in weights)
        # 1 for a word that one tool alone has, less the more of the others have it too
        self._rarity = {stem: 1 / (1 + math.log(count)) for stem, count in having.items()}

    def best(self, request: str) -> list[tuple[int, float]]:
        """The best tool and its score, if any shares a word with the request."""
        words = " ".join(word for word in request.lower().replace("’", "'").split() if word not in FILLERS)
        asked = list(dict.fromkeys(stems(words)))
        scores = [self._score(asked, tool) * _likely(words, answers=self._answers[tool]) for tool in self._tools()]
        top = max(scores, default=0.0)
        return [(scores.index(top), top)] if top > 0 else []

    def _tools(self) -> range:
        return range(len(self._weights))

    def _score(self, asked: list[str], tool: int) -> float:
        weights = self._weights[tool]
        shared = [stem for stem in asked if stem in weights]
        led = FIRST if shared and asked[0] == shared[0] else 0.0
        return led + sum(weights[stem] * self._rarity[stem] for stem in shared) - UNSAID * (len(asked) - len(shared))


def _likely(words: str, *, answers: bool) -> float:
    """How far the form of a sentence is one in which a tool of this kind is asked for."""
    world = WORLD.match(words) and not OWN.search(words)
    return UNLIKELY if world or SAYS.match(words) or (ASKS.match(words) and not answers) else 1.0


def _looks_up(tool: Tool) -> bool:
    firsts = [WORDS.findall(HUMPS.sub(" ", text).lower())[:1] for text in (tool.name, tool.description)]
    return any(word in LOOKS_UP or word.removesuffix("s") in LOOKS_UP for first in firsts for word in first)


def _weights(tool: Tool) -> dict[str, float]:
    """What each stem of the tool is worth: the best of the places it is found in."""
    weights: dict[str, float] = {}
    for text, weight in _texts(tool):
        for stem in stems(text):
            worth = weight / 2 if stem in COMMON and weight < NEEDED else weight
            weights[stem] = max(worth, weights.get(stem, 0.0))
    return weights


def _texts(tool: Tool) -> Iterator[tuple[str, float]]:
    yield tool.name, NAME
    yield tool.description, DESCRIPTION
    yield from _fields(parsed(tool.parameters), needed=True)  # what is wrong with it is said when it is called


def _fields(schema: object, *, needed: bool) -> Iterator[tuple[str, float]]:
    """Names, values and descriptions of the parameters, those of nested objects and lists among them."""
    if not isinstance(schema, dict):
        return
    shape = cast("dict[str, Any]", schema)
    weight = NEEDED if needed else OPTIONAL
    yield str(shape.get("description", "")), NOTE
    yield from ((value, weight) for value in listed(shape, "enum") if isinstance(value, str))
    for name, field in properties(shape).items():
        own = needed and name in listed(shape, "required")
        yield name, NEEDED / 2 if own else OPTIONAL / 2
        yield from _fields(field, needed=own)
    yield from _fields(shape.get("items"), needed=needed)
