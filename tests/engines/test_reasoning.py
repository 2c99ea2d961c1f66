"""What a model thinks to itself is not said."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.core.turn import TokenLogprob
from vivavoce.engines.reasoning import Aloud

ANSWERS = {
    "": "",
    "Hello <b>there</b>.": "Hello <b>there</b>.",
    "<think>well, hm</think>Hello.": "Hello.",
    "\n<think>\nwell, </thin hm\n</think>\n\nHello.": "Hello.",
    "<think></think>\n\nHello.": "Hello.",
    "<think>one</think><think>two</think> Hello.": "Hello.",
    "Say <think> aloud.</think>": "Say <think> aloud.</think>",
    "<thi": "<thi",
    " < 3": " < 3",
    "<think>it never ends": "",
    "<think>it ends</think>": "",
}


@pytest.mark.parametrize("answer", list(ANSWERS))
@given(cuts=st.lists(st.integers(0, 50), max_size=6))
def test_thoughts_are_left_out_however_they_are_cut(answer: str, cuts: list[int]) -> None:
    marks = sorted({0, len(answer), *(min(cut, len(answer)) for cut in cuts)})
    aloud = Aloud()
    said = "".join(aloud.feed(answer[start:end]) for start, end in pairwise(marks))
    assert said + aloud.end() == ANSWERS[answer]


def test_what_is_no_thought_is_not_held_back() -> None:
    aloud = Aloud()
    assert [aloud.feed(piece) for piece in ("Hel", "lo <", "think>")] == ["Hel", "lo <", "think>"]


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        (["Hel", "lo"], ["Hel|Hel", "lo|lo"]),
        (["<", "3", "!"], ["|", "<3|<,3", "!|!"]),
        (["<think>", "hm", "</think>", "\n\n", "Hel", "lo"], ["|", "|", "|", "|", "Hel|Hel", "lo|lo"]),
        (["<think>", "hm</think>\n", " Hello"], ["|", "|", "Hello| Hello"]),
        (["<think>hm</think>Hel", "lo"], ["Hel|", "lo|lo"]),
        (["<think>hm</think>", "<thi", "s>"], ["|", "|", "<this>|<thi,s>"]),
        (["<thi"], ["|", "<thi|<thi"]),
    ],
)
def test_tokens_go_with_the_words_that_they_spell(pieces: list[str], told: list[str]) -> None:
    aloud = Aloud()
    found = [aloud.piece(piece, (TokenLogprob(piece, -1.0, piece.encode()),)) for piece in pieces]
    ends = [piece for piece in [aloud.rest()] if piece[0]]
    assert [f"{text}|{','.join(token.token for token in tokens)}" for text, tokens in [*found, *ends]] == told
