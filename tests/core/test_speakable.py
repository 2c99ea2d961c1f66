# ruff: noqa: E501  (tables: an example is one line)
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.core import speakable as speaking
from vivavoce.core.speakable import speakable

ENGLISH = [
    # Markdown
    ("# Hello **world** ##", "Hello world."), ("\n- one\n- [x] two", "one. two."), ("1. First\n2) Second!", "1, First. 2, Second!"),
    ("> quoted\n> more", "quoted. more."), ("**bold** _it_ ~~no~~ __init__ `my_var`", "bold it no init my var"),
    ("[the docs](https://x.y/z_(a) \"T\") ![a cat](c.png) [b][1] [2]", "the docs a cat b"), ("part two](http://a.b) ok", "part two ok"),
    ("[1]: https://x.y", ""), ("---", ""), ("***\n===", ""), ("| a | b |\n|---|:-:|\n| 1 | `2` |", "a, b. 1, 2."), ("a || b", "a b"),
    ("```py\nx = 1\n\n```", "There is a code block here."), ("~~~\nx", "There is a code block here."),
    ("So:\n```\nx\n```\nDone", "So: There is a code block here. Done"), ("```a``` b", "a b"),
    ("<b>x</b><br/>y <!-- no --> <a href='u'>z</a>", "x y z"), (r"a \* b \(c\)", "a times b (c)"), ("say\nit", "say it"),
    # Addresses
    ("See https://www.example.com/path?q=1. Mail joe.b+x@example.com.", "See example dot com. Mail joe dot b plus x at example dot com."),
    ("(http://u:p@localhost:8000/x) <https://q.com>, docs.python.org/3/ or www.a.io!", "(localhost) q dot com, docs dot python dot org or a dot io!"),
    ("mailto:a@b.cd file main.py", "a at b dot cd file main.py"),
    # Pictures and signs
    ("Great!!! 😀👨‍👩‍👧 really?!? 1️⃣ 🇩🇪 👍🏽 ✓", "Great! really? 1"), ("😀", ""), ("don’t “go” «on»", "don't \"go\" \"on\""),
    ("so — no – well -- yes -", "so, no, well, yes,"), ("wait..... a → b ↓", "wait... a, b"), ("a\ud83db\x00c\u200bd", "abcd"), ("...", ""),
    ("a ,, b ; , c", "a, b, c"), ("x ()", "x"),
    # English
    ("$5, $1, $1,234.50, $1.01, $0.99, €3.5 million, £2.5", "5 dollars, 1 dollar, 1,234 dollars and 50 cents, 1 dollar and 1 cent, 99 cents, 3.5 million euros, 2 pounds and 50 pence"),
    ("$5.00 $5-$10 $5M $5/month", "5 dollars $5-$10 $5M 5 dollars per month"), ("£7 billion", "7 billion pounds"),
    ("50% at 20°C or 68 °F, 90°", "50 percent at 20 degrees Celsius or 68 degrees Fahrenheit, 90 degrees"),
    ("e.g. this, i.e. that, etc. and etc.", "for example this, that is that, et cetera and et cetera."),
    ("cats vs. dogs and/or he/she, 60 miles/hour", "cats versus dogs and or he or she, 60 miles per hour"), ("AT&amp;T & R&D", "AT and T and R and D"),
    ("3 * 4 = 12, 2**8, x^2, 5 - 3, 1 + 2, 8 ÷ 2, m², m³", "3 times 4 equals 12, 2 to the power of 8, x to the power of 2, 5 minus 3, 1 plus 2, 8 divided by 2, m squared, m cubed"),
    ("a < b > c ≤ d ≥ e ≈ 5 ~6 #1 #tag C#", "a is less than b is more than c at most d at least e about 5 about 6 number 1 tag C#"),
    # Left to the synthesizer
    ("1,000 10:30 -5 +3 (555) 123-4567 1/2 24/7 TCP/IP C++ 10–20 3.14", "1,000 10:30 -5 +3 (555) 123-4567 1/2 24/7 TCP/IP C++ 10-20 3.14"), ("", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), ENGLISH)
def test_english(text: str, said: str):
    assert speakable(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("50 % & $5, z.B.", "50 % & $5, z.B."),
        ("```\nx\n```", ""),
        ("**你好**。😀", "你好。"),
        ("https://example.de/x", "example.de"),
        ("می‌خواهم", "می‌خواهم"),
    ],
)
def test_other_languages(text: str, said: str):
    assert speakable(text, "de") == said


@pytest.mark.parametrize(
    "unit",
    [
        *"*[`<_#|~(!-&>.,$1a@\\\n😀/?:=+ ",
        "](",
        "a)",
        "[a",
        "<a ",
        "a.",
        "a@",
        "$1",
        "!?",
        "-\n",
        "&#",
        "a_",
        ", ",
        "http://",
    ],
)
def test_nothing_takes_long(unit: str):
    began = time.process_time()
    speakable(unit * (100_000 // len(unit)))
    assert time.process_time() - began < 5


@given(st.text() | st.text(alphabet="*_`[]()<>#|-~!?.,:;@/\\&$1a \n"), st.sampled_from(["en", "de"]))
def test_any_text_can_be_said(text: str, language: str):
    said = speakable(text, language)
    said.encode()
    assert said == "" or any(map(str.isalnum, said))
    assert "`" not in said
    assert "\n" not in said


NEAR = [
    "www.",
    "vs",
    "etc.",
    "e.g.",
    "a.com",
    "a@b.cd",
    "http://",
    "1",
    "-",
    "--",
    ",",
    "!",
    '"',
    "(",
    ")",
    " ",
    "\t",
    "x",
    "²",
    "…",
    "é",
]
ALL_RULES = [speaking._MARKDOWN, speaking._PLAIN, speaking._DOTTED, speaking._ENGLISH, speaking._TIDY]


@pytest.mark.parametrize("rules", ALL_RULES)
@given(text=st.text() | st.lists(st.sampled_from(NEAR), max_size=8).map("".join))
def test_where_rules_are_not_tried_none_would_have_changed_anything(rules: speaking.Rules, text: str):
    assert rules.where.search(text) or all(pattern.sub(to, text) == text for pattern, to in rules.each)
