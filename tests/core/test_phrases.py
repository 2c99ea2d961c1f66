import re
import time
from dataclasses import astuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.cutting import cut
from tests.support.written import ADDRESSES, GAPS, GRAPHEMES, NUMBERS, TEXTS
from vivavoce.core.phrases import LIMIT, FirstPiece, Phrases, Piece
from vivavoce.core.places import Cut, best_cut

SENTENCES = {
    "two": "Hello.| How are you?",
    "numbers": "It is 3.14 or $1,234.50 at 10:30.| In 2024.| Fine.",
    "a number at the end": "The answer is 42.| It is.",
    "titles": "Dr. Smith met J. R. R. Tolkien.| They ate.",
    "dotted": "Bring fruit, e.g. apples, to the U.S. at 9 a.m. sharp.| Bye.",
    "no as a word": "No.| I mean it.",
    "no as number": "No. 5 is alive.| (No.| No. 6!)",
    "no at the end": "I said no.",
    "address": "See https://a.b/c.d?e=f, or www.x.org.| Write to x.y@z.org.| Bye.",
    "version": "Use v1.2.3 now.| OK?",
    "shortened words": "It runs from Mon. to Fri. and on Sat. mornings.| On Sun. it does not.| Fine.",
    "ellipsis": "Well... I think so… maybe.| Yes.",
    "spaced ellipsis": "Wait . . . what?| Yes.",
    "quotation": '"Stop!" he cried.| "I will."| Then “Go.”',
    "parenthesis": "He (really!) did (yes.)| Fine.",
    "bold": "**Done.**| Next.",
    "french": "Bonjour !| Ça va ?| Oui.",
    "no-break space": "Bonjour\u00a0!| Oui, 10\u202f000.",
    "newlines": "Title|\n\nOne line|\r\nAnother  |\nLast",
    "list": "1. Mix it well.| Then stop.|\n2. Bake|\n- a|\n- b",
    "list in a line": "Steps: 1. Mix 2 eggs.| 2. Bake.",
    "fence": "Look:|\n```python\nx = 1. Y\n\n# a. B\n```|\nDone.",
    "tilde fence": "~~~~ a. b\n```\nx. Y\n~~~\nz. A\n~~~~|\nDone.",
    "unclosed fence": "```\nx. Y\nZ. A",
    "triple ticks in a line": "```a. b``` is|\ncode.| Yes.",
    "ticks after a cut": "One.| ```x``` two.| Three.",
    "chinese": "你好。|今天天气很好，我们去吧！|“真的吗？”|他说。|价格是3。14",
    "chinese stops": "真的吗？！|好。",
    "chinese, european stops": '今天天气很好,我们去公园吧!|你想去吗?|好的.|他说:"好!"|价格是3.5元',
    "japanese": "「はい。」|そうです。|ええ",
    "japanese, european stops": "明日は晴れです!|行きますか?|「はい.」|そう...です",
    "hindi": "नमस्ते।|आप कैसे हैं?| ठीक।",
    "arabic": "كيف حالك؟| بخير.",
    "thai": "สวัสดีครับ วันนี้อากาศดีมาก เราไปเที่ยวกันเถอะครับ| ราคา 100 บาท แล้วเรา",
    "spaces before a word": "One.|  Two",
    "empty": "",
    "blank": " \n ",
}


@pytest.mark.parametrize("marked", SENTENCES.values(), ids=SENTENCES)
@pytest.mark.parametrize("chunk", [0, 1, 2])
def test_sentences(marked: str, chunk: int):
    assert cut(marked.replace("|", ""), chunk=chunk) == (marked.split("|") if marked else [])


CLAUSES = {
    "comma": "Well, I think so,| but I am, in truth, not sure.| Bye.",
    "initials": "We open at 9 a.m.| The doors close early.| Bye.",
    "too little": "Yes, it is.| And, well, more.",
    "one long word": "Congratulations,| you won.",
    "colon": "Here it is:| a thing.",
    "dash": "I think so —| but no.",
    "bare dash": "I think so—|but no.",
    "emphasised after a dash": "I think so—*really*,| but no.",
    "hyphen": "I think so -| but no.",
    "hyphenated": "All pre- and post-war cars,| sold.",
    "ellipsis": "Let me see...| yes.",
    "date": "On March 3, 2024,| we met.",
    "number then word": "We bought 10,| they none.",
    "number then sum": "It costs you 10 - 3 = 7,| yes.",
    "prices": "It is about $1, $2, $3.",
    "chinese": "今天天气很好，|我们去吧，好。",
    "chinese, european stops": "今天天气很好,|我们去吧,好.",
    "too little chinese": "你好，今天天气很好，|好。",
    "time in chinese": "今天上午10：30开始，|好。",
    "quoted in chinese": "他对大家说“好，”然后走。",
    "thai": "สวัสดีครับผมชื่อ| วันนี้อากาศดี",
    "thai and a number": "ราคาของนี้ประมาณ 100 บาท",
    "thai repeated": "เด็กเด็กเล่นกันอยู่บ่อย ๆ",
    "rule first": "---|\nWell, I think so,| yes.",
    "japanese": "そうですね、|たぶん、はい。",
    "arabic": "أعتقد أن هذا،| صحيح، نعم.",
    "arabic without a space": "أعتقد أن هذا،|صحيح، نعم.",
    "hindi": "मुझे लगता है,| कि हाँ, ठीक।",
    "phrase": "The museum opens at nine| in the morning, or at ten.",
    "phrase, too little": "We go at nine| in the morning.",
    "two phrases in a word": "Donaudampfschifffahrt| in the morning.",
    "words that lean": "One of the most of it is in and out.",
}


@pytest.mark.parametrize("marked", CLAUSES.values(), ids=CLAUSES)
@pytest.mark.parametrize("chunk", [0, 1])
def test_first_clause(marked: str, chunk: int):
    assert cut(marked.replace("|", ""), first="clause", chunk=chunk) == marked.split("|")


def test_a_piece_is_given_with_the_character_that_settles_it():
    phrases = Phrases()
    assert phrases.feed("Welcome.") == []
    assert phrases.feed(" ") == [Piece("Welcome.", 0, 8)]
    assert phrases.feed("No. ") == []
    assert phrases.feed("I do. ") == [Piece(" No.", 8, 12)]
    assert phrases.feed("It is so.\n") == [Piece(" I do.", 12, 18), Piece(" It is so.", 18, 28)]
    assert phrases.end() == [Piece("\n", 28, 29)]
    assert phrases.end() == []


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("word " * 100, "word " * 47 + "word"),
        ("word " * 30 + "then, " + "word " * 60, "word " * 30 + "then,"),
        ("So, " + "word " * 60, "So," + " word" * 47),
        ("今" * 200, "今" * 80),
        ("สวัสดี" * 60, "สวัสดี" * 40),
        ("1 " * 200 + "1", None),
        ("三" * 100, None),
    ],
)
def test_a_long_sentence_is_cut_at_the_best_place(text: str, first: str | None):
    pieces = cut(text)
    assert pieces[0] == (first or text)


def test_what_has_no_place_to_cut_is_kept_up_to_a_last_resort():
    address = "https://example.com/" + "a" * 500
    assert cut(f"See {address} now please.")[:2] == ["See", f" {address}"]
    assert [len(piece) for piece in cut("a" * 2000)] == [960, 960, 80]


FIRST = [
    ("aa bb cc", Cut.PHRASE, False),
    ("aa bb cc dd", Cut.PHRASE, True),
    ("a" * 19, Cut.PHRASE, False),
    ("a" * 20, Cut.PHRASE, True),
    ("aa bb", Cut.CLAUSE, False),
    ("a b c", Cut.CLAUSE, True),
    ("a" * 13, Cut.CLAUSE, False),
    ("a" * 14, Cut.CLAUSE, True),
]
AFTER = {Cut.SPACE: " xy", Cut.PHRASE: " in", Cut.CLAUSE: ", xy"}


@pytest.mark.parametrize(("text", "kind", "worth"), FIRST)
def test_what_is_worth_saying_first(text: str, kind: Cut, worth: bool):
    pieces = Phrases("clause").feed(f"{text}{AFTER[kind]} xy xy")
    assert bool(pieces) is worth
    assert not Phrases("sentence").feed(f"{text}{AFTER[kind]} xy xy")


PLACES = [
    ("aa bb", Cut.SPACE, False),
    ("a b c", Cut.SPACE, True),
    ("a" * 14, Cut.SPACE, False),
    ("a" * 15, Cut.SPACE, True),
    ("aa", Cut.PHRASE, False),
    ("aa bb", Cut.PHRASE, True),
    ("a" * 11, Cut.PHRASE, False),
    ("a" * 12, Cut.PHRASE, True),
    ("aaa", Cut.CLAUSE, False),
    ("a b", Cut.CLAUSE, True),
    ("a" * 6, Cut.CLAUSE, False),
    ("a" * 7, Cut.CLAUSE, True),
]


@pytest.mark.parametrize(("text", "kind", "place"), PLACES)
def test_where_a_later_piece_may_be_cut(text: str, kind: Cut, place: bool):
    phrases = Phrases("sentence")
    assert not phrases.feed(f"{text}{AFTER[kind]} xy xy xy")
    at = len(text) + (kind is Cut.CLAUSE)
    assert ((at, kind) in phrases.places) is place
    (piece,) = phrases.end()
    assert ((at, kind) in piece.places) is place


def test_what_is_left_of_a_piece_keeps_the_places_that_leave_enough_before_them():
    (piece,) = Phrases("sentence").feed("We go, as we said, in the morning.\n")
    first, rest = piece.split(6)
    assert (first.text, first.cut, first.places) == ("We go,", Cut.CLAUSE, ())
    assert (rest.text, rest.cut) == (" as we said, in the morning.", Cut.END)
    assert rest.places == ((12, Cut.CLAUSE),)
    assert (rest.start, rest.end) == (6, 34)


def test_what_is_given_early_is_said_as_the_kind_it_is():
    phrases = Phrases("sentence")
    assert phrases.feed("We go, as we said, in the") == []
    assert phrases.take(18) == Piece("We go, as we said,", 0, 18)
    (piece,) = phrases.end()
    assert (piece.text, piece.start, piece.cut) == (" in the", 18, Cut.END)


def test_a_first_piece_without_a_good_place_is_short():
    words = "word " * 60
    assert [len(piece) for piece in cut(words, first="clause")] == [69, 231]
    assert [len(piece) for piece in cut(words)] == [239, 61]


@pytest.mark.parametrize(
    "unit", [*"`~-. \n1aé今😀\u0301\u200d*", "a b ", "~\n", "``` ", "a. ", ", ", "No. ", "1 ", "https://a.b/"]
)
def test_the_time_a_text_takes_grows_as_it_does(unit: str):
    short, long = (min(took_s(unit * (size // len(unit))) for _ in range(2)) for size in (1_000, 10_000))
    assert long < 40 * short, "a text of ten times the length"


def took_s(text: str) -> float:
    began = time.process_time()
    cut(text)
    return time.process_time() - began


@given(text=TEXTS, first=st.sampled_from(["clause", "sentence"]), data=st.data())
def test_pieces_are_the_text_however_it_was_chunked(text: str, first: FirstPiece, data: st.DataObject):
    chunks = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    phrases, at_once = Phrases(first), Phrases(first)
    pieces: list[Piece] = []
    for start, end in zip([0, *chunks], [*chunks, len(text)], strict=True):
        pieces += phrases.feed(text[start:end])
    pieces += phrases.end()
    texts = [piece.text for piece in pieces]
    assert "".join(texts) == text
    assert list(map(astuple, pieces)) == list(map(astuple, at_once.feed(text) + at_once.end()))
    assert all(piece.text and piece.end - piece.start == len(piece.text) for piece in pieces)
    assert all(piece.text.strip() for piece in pieces[:-1])


HELD = st.tuples(NUMBERS | ADDRESSES, GAPS, st.just(LIMIT))
ONE = st.tuples(GRAPHEMES, st.just(""), st.just(10 * LIMIT))


@example([("一", "。", LIMIT), ("~0", "\n", LIMIT)], "clause")
@given(st.lists(HELD | ONE, max_size=40), st.sampled_from(["clause", "sentence"]))
def test_no_cut_falls_inside_a_number_an_address_or_a_grapheme(units: list[tuple[str, str, int]], first: FirstPiece):
    text = "".join(unit + gap for unit, gap, _ in units)
    phrases = Phrases(first)
    pieces = phrases.feed(text) + phrases.end()
    cuts = {piece.end for piece in pieces} | {piece.start + at for piece in pieces for at, _ in piece.places}
    start = 0
    for unit, gap, weight in units:
        inside = range(start + 1, start + len(unit))
        assert not cuts & set(inside), (unit, text)
        assert all(best_cut(text, at, weight, final=True) is Cut.NEVER for at in inside), (unit, text)
        start += len(unit) + len(gap)


@given(st.lists(st.sampled_from(["one", "two", "three", "four,", "fünf;"]), max_size=300))
def test_pieces_are_bounded(words: list[str]):
    assert all(len(piece) <= LIMIT for piece in cut(" ".join(words)))
    assert all(re.fullmatch(r"\s?\S.*\S", piece) for piece in cut(" ".join(words)))
