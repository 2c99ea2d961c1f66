"""Tokens are put to the words they spell, however they come."""

import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.core.turn import Sampling, TokenLogprob
from vivavoce.engines.logprobs import Candidate, Entry, Logprobs, Spelling, candidates

ASKED = Sampling(logprobs=True)


def entries(*tokens: str | bytes) -> Logprobs:
    parts = [token.encode() if isinstance(token, str) else token for token in tokens]
    return Logprobs([Entry(part.decode(errors="replace"), -0.5, list(part)) for part in parts])


def pieces(*chunks: tuple[str, Logprobs | None]) -> list[tuple[str, bytes]]:
    """Each piece of the text and the bytes of its tokens."""
    spelling = Spelling(ASKED)
    cut = [piece for text, told in chunks for piece in spelling.pieces(text, told)]
    return [(text, b"|".join(token.data for token in tokens)) for text, tokens in cut]


def test_a_chunk_is_cut_where_its_tokens_begin() -> None:
    assert pieces(("Hello you", entries("Hel", "lo", " you"))) == [("Hel", b"Hel"), ("lo", b"lo"), (" you", b" you")]


def test_a_character_of_several_tokens_is_not_cut() -> None:
    one, two, three = b" \xf0\x9f", b"\x8e\x89", "!"
    assert pieces((" 🎉!", entries(one, two, three))) == [(" 🎉", one + b"|" + two), ("!", b"!")]
    assert pieces(("", entries(one)), (" 🎉", entries(two))) == [(" 🎉", one + b"|" + two)]


def test_tokens_of_text_that_was_kept_back_are_left_out() -> None:
    assert pieces(("", entries("```")), ("", entries("json")), ("{", entries("{"))) == [("{", b"{")]


def test_tokens_that_spell_something_else_are_told_with_their_chunk() -> None:
    assert pieces(("Hello", entries("_Hello")), (" you", entries("_you"))) == [("Hello", b"_Hello"), (" you", b"_you")]


def test_text_without_tokens_is_one_piece() -> None:
    assert pieces(("Hello", None), (" you", Logprobs()), ("", None)) == [("Hello", b""), (" you", b"")]


def test_tokens_that_were_not_asked_for_are_not_told() -> None:
    assert Spelling(Sampling()).pieces("Hello you", entries("Hello", " you")) == [("Hello you", ())]


@given(st.text(), st.lists(st.integers(0, 40)), st.lists(st.integers(0, 40)))
def test_pieces_join_to_the_text_and_tokens_to_its_bytes(text: str, ends: list[int], cuts: list[int]) -> None:
    data = text.encode()
    marks = sorted({0, len(data), *(end for end in ends if end < len(data))})
    tokens = [data[begin:end] for begin, end in pairwise(marks)]
    spelling, said, spelled = Spelling(ASKED), "", b""
    edges = sorted({0, len(tokens), *(cut for cut in cuts if cut < len(tokens))})
    for begin, end in pairwise(edges):
        before = len(b"".join(tokens[:begin]).decode(errors="ignore"))
        after = len(b"".join(tokens[:end]).decode(errors="ignore"))
        for piece, own in spelling.pieces(text[before:after], entries(*tokens[begin:end])):
            said += piece
            spelled += b"".join(token.data for token in own)
            assert spelled.startswith(said.encode())
    assert (said, spelled) == (text, data)


def test_as_many_candidates_as_were_asked_for() -> None:
    other = Candidate("b", -1.0, [98])
    told = Logprobs([Entry("a", -0.5, [97], [Candidate("a", -0.5, [97]), other])])
    for most, top in [(0, 0), (1, 1), (2, 2), (20, 2)]:
        sampling = Sampling(logprobs=True, top_logprobs=most)
        [(_, [token])] = Spelling(sampling).pieces("a", told)
        assert len(token.top) == top
    assert token.top[1] == TokenLogprob("b", -1.0, b"b")


def test_one_candidate_is_asked_for_even_if_none_is() -> None:
    """Of none, llama.cpp's server tells nothing of the token that was taken either."""
    assert [candidates(Sampling(logprobs=True, top_logprobs=most)) for most in (0, 1, 20)] == [1, 1, 20]
    assert candidates(Sampling()) == 0


@pytest.mark.parametrize(
    ("json", "token"),
    [
        (b'{"token": "a"}', TokenLogprob("a", -math.inf, b"a")),
        (b'{"token": "a", "logprob": null, "bytes": null, "top_logprobs": null}', TokenLogprob("a", -math.inf, b"a")),
        (b'{"token": "\xc3\xa9", "logprob": -1, "bytes": [300]}', TokenLogprob("é", -1.0, "é".encode())),
        (b'{"id": 7, "token": "", "logprob": -3.4e38, "bytes": []}', TokenLogprob("", -3.4e38, b"")),
    ],
)
def test_what_other_servers_leave_out_is_made_up_for(json: bytes, token: TokenLogprob) -> None:
    assert msgspec.json.decode(json, type=Entry).told() == token
