"""What a model thinks to itself is not said."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
