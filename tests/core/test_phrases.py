import re
import time
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.core.phrases import LIMIT, Phrases, Piece


def cut(text: str, *, first: str = "sentence", chunk: int = 0) -> list[str]:
    phrases = Phrases(first)  # type: ignore[arg-type]
    deltas = [text[at : at + chunk] for at in range(0, len(text), chunk)] if chunk else [text]
    pieces = [piece for delta in deltas for piece in phrases.feed(delta)] + phrases.end()
    assert [(piece.start, piece.end) for piece in pieces] == list(spans([piece.text for piece in pieces]))
    return [piece.text for piece in pieces]


def spans(texts: list[str]) -> list[tuple[int, int]]:
    ends = list(accumulate(map(len, texts)))
    return list(zip([0, *ends], ends, strict=False))


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
    "japanese": "「はい。」|そうです。|ええ",
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
    "too little chinese": "你好，今天天气很好，|好。",
    "time in chinese": "今天上午10：30开始，|好。",
    "quoted in chinese": "他对大家说“好，”然后走。",
    "thai": "สวัสดีครับผมชื่อ| วันนี้อากาศดี",
    "thai and a number": "ราคาของนี้ประมาณ 100 บาท",
    "thai repeated": "เด็กเด็กเล่นกันอยู่บ่อย ๆ",
    "rule first": "---|\nWell, I think so,| yes.",
}


@pytest.mark.parametrize("marked", CLAUSES.values(), ids=CLAUSES)
@pytest.mark.parametrize("chunk", [0, 1])
def test_first_clause(marked: str, chunk: int):
    assert cut(marked.replace("|", ""), first="clause", chunk=chunk) == marked.split("|")


def test_a_piece_is_given_with_the_character_that_settles_it():
    phrases = Phrases()
    assert phrases.feed("Hello.") == []
    assert phrases.feed(" ") == [Piece("Hello.", 0, 6)]
    assert phrases.feed("No. ") == []
    assert phrases.feed("I do not.\n") == [Piece(" No.", 6, 10), Piece(" I do not.", 10, 20)]
    assert phrases.end() == [Piece("\n", 20, 21)]
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


@pytest.mark.parametrize("unit", [*"`~-. \n1aé今😀\u0301\u200d*", "a b ", "~\n", "``` ", "a. ", ", ", "No. "])
def test_no_text_takes_long(unit: str):
    began = time.process_time()
    cut(unit * (50_000 // len(unit)))
    assert time.process_time() - began < 5


WHOLE = [
    "1,234.50", "$3.99", "10:30", "https://a.bc/d.e?f=g,h;i", "x.y@z.org", "v1.2.3", "e.g.", "U.S.", "a.m.", "Dr.",
    "...", "。。", "e\u0301", "👨\u200d👩\u200d👧", "👍🏽", "🇩🇪", "1\ufe0f\u20e3", "각", "\u1112\u1161\u11ab", "क्षि",
    "กำ", "เก", "\ud83d\ude00", "10\u00a0000", "3.14",
]  # fmt: skip
GAPS = ["\n", "\r\n", " ", "  ", ". ", ", ", "! ", "? ", "。", "，", "—", "\n```\n", "- ", '"', "”"]
PARTS = st.sampled_from([*WHOLE, "word", "Yes", "你好", "สวัสดี", "नमस्ते", *GAPS])
TEXTS = st.lists(PARTS, max_size=60).map("".join) | st.text(max_size=300)


@given(text=TEXTS, first=st.sampled_from(["clause", "sentence"]), data=st.data())
def test_pieces_are_the_text_however_it_was_chunked(text: str, first: str, data: st.DataObject):
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    phrases = Phrases(first)  # type: ignore[arg-type]
    pieces: list[Piece] = []
    for start, end in zip([0, *places], [*places, len(text)], strict=True):
        pieces += phrases.feed(text[start:end])
    pieces += phrases.end()
    texts = [piece.text for piece in pieces]
    assert "".join(texts) == text
    assert texts == cut(text, first=first)
    assert all(piece.text and piece.end - piece.start == len(piece.text) for piece in pieces)
    assert all(piece.text.strip() for piece in pieces[:-1])


@given(
    units=st.lists(
        st.tuples(st.sampled_from(WHOLE), st.sampled_from([" ", ", ", ". ", "! ", "。", "，", "\n"])), max_size=80
    )
)
def test_a_cut_never_falls_inside_a_number_an_address_or_a_grapheme(units: list[tuple[str, str]]):
    text = "".join(unit + gap for unit, gap in units)
    ends = {piece_end for _, piece_end in spans(cut(text, first="clause"))}
    at = 0
    for unit, gap in units:
        assert not ends & set(range(at + 1, at + len(unit))), (unit, text)
        at += len(unit) + len(gap)


@given(st.lists(st.sampled_from(["one", "two", "three", "four,", "fünf;"]), max_size=300))
def test_pieces_are_bounded(words: list[str]):
    assert all(len(piece) <= LIMIT for piece in cut(" ".join(words)))
    assert all(re.fullmatch(r"\s?\S.*\S", piece) for piece in cut(" ".join(words)))
