"""Strategies for what people write: numbers, addresses, characters of several code points, and texts of them all."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy


def _one_of(characters: str) -> SearchStrategy[str]:
    return st.sampled_from(list(characters))


def _text(*parts: SearchStrategy[str]) -> SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


def _maybe(part: SearchStrategy[str]) -> SearchStrategy[str]:
    return st.just("") | part


def _some(part: SearchStrategy[str], most: int = 3) -> SearchStrategy[str]:
    return st.lists(part, max_size=most).map("".join)


_WHOLE = st.integers(0, 99_999_999)
_TWO = st.integers(0, 59).map("{:02}".format)
_GROUPED = st.tuples(_WHOLE, _one_of(",.'\u00a0\u202f\u2009 ")).map(lambda both: f"{both[0]:,}".replace(",", both[1]))
NUMBERS = st.one_of(
    _WHOLE.map(str),
    _text(_maybe(_one_of("$€£¥+-−~")), _GROUPED, _maybe(_text(_one_of(".,٫"), _TWO)), _maybe(_one_of("%€°"))),
    _text(_TWO, _one_of(":.：h"), _TWO),
    _text(_TWO, _one_of("-/.–"), _TWO, _one_of("-/."), _TWO),
    _text(st.just("v"), _TWO, st.just("."), _TWO, st.just("."), _TWO),
    _text(st.just("+49 30 "), _WHOLE.map(str)),
    st.text(st.sampled_from("٠١٢٣٤٥٦٧٨٩"), min_size=1, max_size=6),
    st.text(st.sampled_from("०१२३४५६७८९"), min_size=1, max_size=6),
    st.text(st.sampled_from("一二三四五六七八九十百千万"), min_size=1, max_size=6),
    _text(_TWO, _one_of("。，、"), _TWO),
)
"""In many countries' ways."""
_IN_ADDRESS = st.text(_one_of("abcXYZ0189-._~:/?#[]@!$&'()*+,;=%"), max_size=20)
URLS = _text(st.sampled_from(["https://", "http://", "ftp://", "www.", "mailto:x@"]), st.just("a.org/"), _IN_ADDRESS)
"""With every mark that RFC 3986 allows."""
ADDRESSES = URLS | st.emails().filter(lambda address: address[0].isalnum())

_ACCENTS = _some(st.characters(categories=["Mn", "Me"]) | _one_of("\u0301\u0323\u0e49\u094d\u064e\ufe0f"))
_INDIC = [
    ("कखगतनमरषह", "\u094d", "ािीुेै\u0902"),
    ("কখগতনমর", "\u09cd", "ািীুে"),
    ("కగతనమర", "\u0c4d", "ాిీుే"),
    ("ကခဂတနမရ", "\u1039", "ါိုေ"),
    ("កខគតនមរ", "\u17d2", "ាិុេ"),
]
_SYLLABLES = st.one_of(
    *(
        _text(
            _one_of(letters),
            _some(_text(st.just(virama), _maybe(st.just("\u200d")), _one_of(letters))),
            _some(_one_of(signs)),
        )
        for letters, virama, signs in _INDIC
    )
)
_THAI = _text(_maybe(_one_of("เแโใไ")), _one_of("กขคงจดตนมรลสหอ"), _some(_one_of("ิีุู่้๊็์")), _maybe(_one_of("ำๆ")))
_LEADING, _VOWELS = _one_of("\u1100\u1102\u110c\ua960\ua97c"), _one_of("\u1161\u1165\ud7b0")
_TRAILING = _maybe(_one_of("\u11a8\u11ab\ud7cb"))
_HANGUL = _text(_LEADING, _VOWELS, _TRAILING) | _text(_maybe(_LEADING), _one_of("가나다하"), _TRAILING)
_PEOPLE = _text(_one_of("👩👨👍🧑✊"), _maybe(_one_of("🏻🏽🏿")))
_EMOJI = st.one_of(
    _text(_PEOPLE, _some(_text(st.just("\u200d"), _one_of("👩👨👧🚀🌾❤"), _maybe(st.just("\ufe0f"))))),
    _text(_one_of("🇩🇫🇯"), _one_of("🇪🇷🇵")),
    _text(_one_of("0123456789#*"), st.just("\ufe0f\u20e3")),
    st.just("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"),
    _text(_one_of("😀☀❤"), _maybe(st.just("\ufe0f"))),
)
GRAPHEMES = st.one_of(
    _text(_one_of("aé今カあ가กक"), _ACCENTS), _SYLLABLES, _THAI, _HANGUL, _EMOJI, _text(_one_of("ｶﾊ"), _one_of("ﾞﾟ"))
)
"""What a reader takes for one character, of one code point or of many."""

_WORDS = "word Yes the and Dr. e.g. U.S. No. ... wait… 你好 今天天气很好 そうですね สวัสดี नमस्ते كيف शर्मा 안녕 (so) “no”"
_DOTTED = "Mon. a.m. C. It p. 5. with 好,我 です!はい 例.子"
WORDS = st.sampled_from([*_WORDS.split(), *_DOTTED.split()])
GAPS = st.sampled_from(
    [
        "\n",
        "\r\n",
        " ",
        "  ",
        ". ",
        ", ",
        "! ",
        "? ",
        "。",
        "，",
        "、",
        "؟ ",
        "، ",
        "। ",
        "—",
        " - ",
        "\n```\n",
        "\n- ",
        "\n1. ",
    ]
)
TEXTS = st.one_of(
    st.lists(WORDS | GAPS | NUMBERS | ADDRESSES | GRAPHEMES, max_size=60).map("".join),
    st.lists(GRAPHEMES, max_size=60).map("".join),
    st.text(max_size=300),
)
"""Any text, and texts that are likely to be cut somewhere."""
