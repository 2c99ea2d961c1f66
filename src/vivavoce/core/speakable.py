"""What a synthesizer is given for a piece of text: words and pauses, no markup. Knows no engine."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

_Rule: TypeAlias = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

# Every pattern is anchored to what it begins with or bounded in length, so that no text takes more than linear time.
_FENCE = re.compile(r"(`{3,}(?=[^`]*$)|~{3,})")
_RULE_LINE = re.compile(r"[-*_=\s]{3,}")
_TABLE_RULE = re.compile(r"[|:\-\s]*-[|:\-\s]*")
_REFERENCE = re.compile(r"\[[^\]]{1,100}\]:\s")
_QUOTE = re.compile(r"(?:>[ \t]?)+")
_HEADING = re.compile(r"#{1,6}[ \t]+")
_BULLET = re.compile(r"[-*+•‣◦–][ \t]+(?:\[[ xX]\][ \t]+)?")
_NUMBER = re.compile(r"(\d{1,3})[.)][ \t]+")
_CODE = {"en": "There is a code block here."}

_ADDRESS = r"[A-Za-z0-9._~:/?#@!$&*+,;=%-]"
_DOMAINS = "com|org|net|io|dev|edu|gov|ai|app|info|uk|de|fr|eu|us|ca|au|jp|cn|in|br|ru|nl|ch|es|it|pl|se"
_PICTURE = "\U0001f000-\U0001faff\u2300-\u23ff\u2500-\u27bf\u2b00-\u2bff\u2122\u00ae\ufe0e\ufe0f\u20e3"
_DOT = "\x1a"
"""Stands for the dots of an address until it is known how they are said."""
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "#39": "'", "nbsp": " "}


@dataclass(frozen=True, slots=True)
class Rules:
    """Patterns, and what stands in their place, one after another; tried only `where` a text has what they need."""

    where: re.Pattern[str]
    each: tuple[_Rule, ...]

    def applied(self, text: str) -> str:
        """`text` as they make it."""
        if self.where.search(text):
            for pattern, to in self.each:
                text = pattern.sub(to, text)
        return text


def _rules(where: str, *rules: tuple[str, str | Callable[[re.Match[str]], str]]) -> Rules:
    return Rules(re.compile(where), tuple((re.compile(pattern), to) for pattern, to in rules))


def _domain(match: re.Match[str]) -> str:
    """The host of an address, and the stop or comma after it, which is the sentence's."""
    address = match[0]
    tail = address[len(address.rstrip(".,;:!?*~_")) :]
    host = re.split(r"[/?#]", address.removesuffix(tail).split("://", 1)[-1], maxsplit=1)[0].rsplit("@", 1)[-1]
    return host.split(":", 1)[0].removeprefix("www.").replace(".", _DOT) + tail


_MARKDOWN = _rules(
    r"[^\w\s,;.!?'\"()-]|_|www\.",
    (r"!?\[([^\[\]]{0,500})\]\((?:[^()\s]|\([^()\s]*\))*(?:\s{1,3}[\"'][^\"']{0,200}[\"'])?\)", r"\1"),
    (r"\]\((?:[^()\s]|\([^()\s]*\))*\)", ""),  # the end of a link whose words began in an earlier piece
    (r"\[\^?\d{1,3}\]", ""),
    (r"\[([^\[\]]{1,500})\]\[[^\[\]]{0,100}\]", r"\1"),
    (r"<!--[^<>]{0,500}-->|</?[A-Za-z][A-Za-z0-9-]{0,20}(?:\s[^<>]{0,500})?/?>", " "),
    (rf"\bmailto:(?={_ADDRESS})", ""),
    (rf"(?:\bhttps?|\bftp)://{_ADDRESS}+|\bwww\.{_ADDRESS}+", _domain),
    (rf"(?<![\w.@/-])(?:[A-Za-z0-9-]{{1,63}}\.){{1,4}}(?:{_DOMAINS})/{_ADDRESS}*", _domain),
    (r"&(amp|lt|gt|quot|apos|#39|nbsp);", lambda match: _ENTITIES[match[1]]),
    (r"\\([^\w\s])", r"\1"),
    (r"(?<=\d) ?\*\* ?(?=\d)", "^"),
    (r"(?<=\d) ?\* ?(?=\d)|(?<=\w) \* (?=\w)", " × "),
    (r"(?<=[^\W_])_+(?=[^\W_])", " "),
    (r"[*`_\[\]{}\\|]|~~|(?<![\w&])#(?=[^\W\d])", ""),
)
_PLAIN = _rules(
    r"[^ !-,./-~]",
    (rf"[{_PICTURE}\U000e0020-\U000e007f\ue000-\uf8ff][{_PICTURE}\u200d\U000e0020-\U000e007f]*", " "),
    (r"[\x00-\x08\x0e-\x19\x1b\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffd\ud800-\udfff]", ""),
    ("[‘’ʼ]", "'"),
    ("[“”„«»]", '"'),
    (r"(?<=\d)[–−](?=\d)", "-"),
    (r" ?[—―]+|(?<=\s)(?:-{1,3}|–)(?=\s\D|\s?$)|(?<=\w)--(?=\w)", ", "),
    (r" ?[→⇒←↔•‣]", ", "),
    (r"[\u2190-\u21ff]", " "),
)
_DOTTED = _rules(
    r"@|\.\w",
    (
        r"(?<![\w.@-])([\w.+-]{1,64})@((?:[\w-]{1,63}\.){1,5}[A-Za-z]{2,24})\b",
        lambda m: f"{_dots(m[1])} at {_dots(m[2])}",
    ),
    (rf"(?<![\w.@-])(?:[A-Za-z0-9-]{{1,63}}\.){{1,4}}(?:{_DOMAINS})\b(?!\.?\w)", lambda m: _dots(m[0])),
)


def _dots(name: str) -> str:
    return name.replace(".", _DOT).replace("+", " plus ")


def _money(match: re.Match[str]) -> str:
    sign, whole, cents, scale = match.groups()
    one = {"$": "dollar", "€": "euro", "£": "pound"}[sign]
    if scale:
        return f"{whole}{'.' + cents if cents else ''} {scale} {one}s"
    said = f"{whole} {one}{'' if whole == '1' else 's'}"
    small = int((cents or "0").ljust(2, "0"))
    if not small:
        return said
    coins = f"{small} {'pence' if sign == '£' else 'cent' if small == 1 else 'cents'}"
    return coins if whole == "0" else f"{said} and {coins}"


_ENGLISH = _rules(
    r"[^\w\s,;:.!?'\"()-]|[\d²³]|\.\w|\b(?:etc|vs)\b",
    (
        (
            r"(?<![-–])([$€£])(\d{1,3}(?:,\d{3}){1,4}|\d{1,12})(?:\.(\d\d?))?(?: (thousand|(?:m|b|tr)illion)\b)?"
            r"(?![\w%]|[.,–-][$€£]?\d)"
        ),
        _money,
    ),
    (r"(?<=\d) ?%", " percent"),
    (r"(?<=\d) [-–−] (?=\d)", " minus "),
    (r"(?<=\d) ?° ?C\b", " degrees Celsius"),
    (r"(?<=\d) ?° ?F\b", " degrees Fahrenheit"),
    (r"(?<=\d) ?°", " degrees"),
    (r"(?i:\be\.g\.)", "for example"),
    (r"(?i:\bi\.e\.)", "that is"),
    (r"\betc\.(?= [a-z])", "et cetera"),
    (r"\betc\.", "et cetera."),
    (r"\bvs\.?(?= )", "versus"),
    (r"\band/or\b", "and or"),
    (r"(?<=[a-z])/(?=(?:second|minute|hour|day|night|week|month|year|person)\b)", " per "),
    (r"(?<![\w/.-])(he|she|him|his|yes|true|on)/(she|he|her|hers|no|false|off)(?![\w/])", r"\1 or \2"),
    (r" ?& ?", " and "),
    (r"(?<=\w) ?= ?(?=[\w-])", " equals "),
    (r"(?<=\w) \+ (?=\w)|(?<=\d)\+(?=\d)", " plus "),
    (r"(?<=\d) ?[×✕] ?(?=\d)|(?<=\w) × (?=\w)", " times "),
    (r"(?<=[\w)]) ?÷ ?(?=[\w(])", " divided by "),
    (r"(?<=\w)\^(?=-?\w)", " to the power of "),
    (r"(?<=\w)²", " squared"),
    (r"(?<=\w)³", " cubed"),
    (r"(?<!\w)~ ?(?=\d)|≈ ?", "about "),
    (r" ?≤ ?", " at most "),
    (r" ?≥ ?", " at least "),
    (r"(?<=\w) < (?=\w)", " is less than "),
    (r"(?<=\w) > (?=\w)", " is more than "),
    (r"(?<!\w)#(?=\d)", "number "),
)
_TIDY = _rules(
    r"[<>~…]|[,;:.!?] ?[,;:.!?]|\s[\s,;:.!?]|[^\S ]|\( ?\)|\"\"",
    (r"[<>~]", " "),
    (r"…|\.{4,}", "..."),
    (r"[!?]{2,}", lambda match: "?" if "?" in match[0] else "!"),
    (r"\s+", " "),
    (r'\( ?\)|""', ""),
    (r" +(?=[,;:!?]|\.(?!\w))", ""),
    (r"(?:[,;:] ?){2,}", ", "),
    (r"[,;:](?=[.!?])|(?<=[.!?]),(?= |$)", ""),
)
_IN_ENGLISH = (_MARKDOWN, _PLAIN, _DOTTED, _ENGLISH, _TIDY)
_ELSEWHERE = (_MARKDOWN, _PLAIN, _TIDY)


def speakable(text: str, language: str = "en") -> str:
    """`text` as it is to be said in `language` (ISO-639-1); empty where there is nothing to say. Takes linear time."""
    said = " ".join(filter(None, _lines(text, language)))
    for rules in _IN_ENGLISH if language == "en" else _ELSEWHERE:
        said = rules.applied(said)
    said = said.replace(_DOT, " dot " if language == "en" else ".")
    said = said.lstrip(" ,;:.!?)-").rstrip(" -(")
    return said if any(map(str.isalnum, said)) else ""


def _lines(text: str, language: str) -> list[str]:
    """The lines without what marks them as headings, items, rows and code."""
    lines: list[str] = []
    fence = ""
    for raw in text.splitlines():
        line = raw.strip()
        opened = _FENCE.match(line)
        if fence:
            fence = "" if line.startswith(fence) and not line.strip(fence[0]) else fence
        elif opened:
            fence = opened[1]
            lines.append(_CODE.get(language, ""))
        elif not _RULE_LINE.fullmatch(line) and not _TABLE_RULE.fullmatch(line) and not _REFERENCE.match(line):
            lines.append(_line(line))
    return lines


def _line(line: str) -> str:
    bare = _QUOTE.sub("", line, count=1) if line.startswith(">") else line
    if bare.startswith("|") or (bare.count("|") > 1 and "||" not in bare):
        cells = (cell.strip() for cell in bare.strip("|").split("|"))
        return _stopped(", ".join(filter(None, cells)))
    if heading := _HEADING.match(bare):
        return _stopped(bare[heading.end() :].rstrip("# \t"))
    item = _BULLET.sub("", bare, count=1) if _BULLET.match(bare) else bare
    numbered = _NUMBER.match(item)
    said = f"{numbered[1]}, {item[numbered.end() :]}" if numbered else item
    return said if said == line else _stopped(said)


def _stopped(line: str) -> str:
    """A line that stands alone ends with a pause."""
    return f"{line}." if line[-1:].isalnum() or line[-1:] in {"*", "_", "`", ")"} else line
