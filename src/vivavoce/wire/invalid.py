"""What msgspec says of a body that does not fit, put into the original's words.

msgspec's messages are text with a path at the end; this is the one table of their shapes. Values are named only where
the original names them and they are short: a number, or a word from a list.
"""

import re
from collections.abc import Callable, Sized
from typing import Any, TypeAlias, cast

import msgspec

from vivavoce.core.errors import BadRequest

PATH = re.compile(r"(?P<what>.*) - at `\$\.?(?P<path>.*)`", re.DOTALL)
LONG_KEY = re.compile(r"Expected `str` of length <= (\d+) - at `key` in `\$\.(.*)`")
LIMIT = re.compile(r"Expected `(\w+)`(?: of length)? (<=|>=) (-?\d+)")
NUMBER = re.compile(r"[-+]?(?:[\d.]+(?:e[-+]?\d+)?|nan|inf(?:inity)?)", re.IGNORECASE)
"""As JSON has it, or as a form's text."""
KINDS: dict[type, str] = {str: "str", int: "int", float: "float", bool: "bool", list: "array", dict: "object"}
NAMES = {
    "str": "a string",
    "int": "an integer",
    "float": "a decimal",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
SHOWN_CHARACTERS = 64
NOT_JSON = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
    "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
)

Found: TypeAlias = re.Match[str]
Words: TypeAlias = Callable[[Found, str, object, str], BadRequest]


def not_json() -> BadRequest:
    """The error for a body that is no JSON."""
    return BadRequest(NOT_JSON)


def explain(error: msgspec.ValidationError, body: bytes, supported: dict[str, str]) -> BadRequest:
    """The original's error for a body that is JSON but does not fit.

    What was sent is not always to be had: of a name that comes twice the last counts, and a number without end is none.

    Args:
        error: what msgspec found.
        body: the JSON it was found in, for the value that was sent.
        supported: the values an enumeration takes, by the last name in the path; also by the name before and that
            name, as in `tools.type`, and inside a message by its role and that name, as in `user.type`.
    """
    try:
        document = msgspec.json.decode(body)
    except msgspec.ValidationError:
        document = None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return not_json()
    long_key = LONG_KEY.fullmatch(str(error))
    if long_key:
        return _long_key(long_key[2], int(long_key[1]), document)
    found = PATH.fullmatch(str(error))
    what, path = (found["what"], found["path"]) if found else (str(error), "")
    param, sent = _blamed(what, path, document)
    *before, name = ["", *(step.partition("[")[0] for step in path.split("."))]
    role = _value_at(document, f"{path.partition('.')[0]}.role")
    values = next((supported[key] for key in (f"{role}.{name}", f"{before[-1]}.{name}", name) if key in supported), "")
    for shape, words in SHAPES:
        match = shape.fullmatch(what)
        if match:
            return words(match, param, sent, values)
    return BadRequest(f"Invalid value for {_shown(param)}.", param=param or None, code="invalid_value")


def _missing(match: Found, param: str, _sent: object, _values: str) -> BadRequest:
    whole = f"{param}.{match[1]}" if param else match[1]
    return BadRequest(f"Missing required parameter: '{whole}'.", param=whole, code="missing_required_parameter")


def _wrong_type(match: Found, param: str, _sent: object, _values: str) -> BadRequest:
    wanted = [NAMES.get(name, "another type") for name in match[1].split(" | ")]
    expected = " or ".join([name for name in wanted if name != "null"])
    got = NAMES.get(match[2], "another type")
    words = f"Invalid type for {_shown(param)}: expected {expected}, but got {got} instead."
    return BadRequest(words, param=param or None, code="invalid_type")


def _bad_choice(match: Found, param: str, _sent: object, values: str) -> BadRequest:
    shown = f"Invalid value: '{match[1][:SHOWN_CHARACTERS]}'."
    return BadRequest(f"{shown} {values}".strip(), param=param, code="invalid_value")


def _out_of_range(match: Found, param: str, sent: object, _values: str) -> BadRequest:
    return out_of_range(param, "integer" if match[1] == "int" else "decimal", match[2], match[3], sent)


def out_of_range(param: str, kind: str, relation: str, bound: object, sent: object) -> BadRequest:
    """The error for a number that is not `relation` (`<=` or `>=`) `bound`."""
    above = relation.startswith("<")
    side, limit = ("above", "maximum") if above else ("below", "minimum")
    got = f", but got {_plain(str(sent))[:SHOWN_CHARACTERS]} instead" if NUMBER.fullmatch(str(sent)) else ""
    words = f"Invalid '{param}': {kind} {side} {limit} value. Expected a value {relation} {_plain(str(bound))}{got}."
    return BadRequest(words, param=param, code=f"{kind}_{side}_{limit[:3]}_value")


def _wrong_length(match: Found, param: str, sent: object, _values: str) -> BadRequest:
    kind, article = ("array", "an") if match[1] == "array" else ("string", "a")
    if match[2] == ">=":
        words = (
            f"Invalid '{param}': empty {kind}. Expected {article} {kind} with minimum length {match[3]}, "
            f"but got an empty {kind} instead."
        )
        return BadRequest(words, param=param, code=f"empty_{kind}")
    got = f", but got {article} {kind} with length {len(sent)} instead" if isinstance(sent, Sized) else ""
    words = f"Invalid '{param}': {kind} too long. Expected {article} {kind} with maximum length {match[3]}{got}."
    return BadRequest(words, param=param, code=f"{kind}_above_max_length")


def _too_many(match: Found, param: str, sent: object, _values: str) -> BadRequest:
    got = f", but got an object with {len(sent)} properties instead" if isinstance(sent, Sized) else ""
    words = f"Invalid '{param}': too many properties. Expected an object with at most {match[1]} properties{got}."
    return BadRequest(words, param=param, code="object_above_max_properties")


def _long_key(param: str, limit: int, document: object) -> BadRequest:
    key = next((key for key in _entries(document, param) if len(key) > limit), "")
    shown = f"'{key[:3]}...{key[-3:]}'" if key else "it"
    got = f", but got a string with length {len(key)} instead" if key else ""
    words = (
        f"Invalid property name in '{param}': {shown} is too long. Expected a string with maximum length {limit}{got}."
    )
    return BadRequest(words, param=param, code="property_name_above_max_length")


def _too_big(match: Found, param: str, _sent: object, _values: str) -> BadRequest:
    kind = "integer" if match[1] == "Integer value" else "number"
    return BadRequest(f"Invalid '{param}': {kind} out of range.", param=param, code="invalid_value")


def _no_match(match: Found, param: str, _sent: object, _values: str) -> BadRequest:
    words = (
        f"Invalid '{param}': string does not match pattern. Expected a string that matches the pattern '{match[1]}'."
    )
    return BadRequest(words, param=param, code="invalid_value")


SHAPES: list[tuple[re.Pattern[str], Words]] = [
    (re.compile(r"Object missing required field `(.+?)`"), _missing),
    (re.compile(r"Expected `(int|float)` (<=|>=) (-?[\d.]+)"), _out_of_range),
    (re.compile(r"Expected `(array|str)` of length (<=|>=) (\d+)"), _wrong_length),
    (re.compile(r"Expected `object` of length <= (\d+)"), _too_many),
    (re.compile(r"Expected `(.+?)`, got `(\w+)`"), _wrong_type),
    (re.compile(r"Invalid (?:enum )?value '(.*)'", re.DOTALL), _bad_choice),
    (re.compile(r"Expected `str` matching regex '(.*?)(?:\(\?!.*)?'"), _no_match),
    (re.compile(r"(Integer value|Number) out of range"), _too_big),
]


def _value_at(document: object, path: str) -> object:
    value: Any = document
    for index, key in STEP.findall(path):
        try:
            value = value[int(index)] if index else value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _blamed(what: str, path: str, document: object) -> tuple[str, object]:
    """The path as the original writes it, and what was sent there.

    msgspec does not name the key of a free mapping: it is the first whose value (a plain one, in ours) is to blame.
    """
    mapping, free, _ = path.partition("[...]")
    if not free:
        return path, _value_at(document, path)
    for key, value in _entries(document, mapping).items():
        if _offends(what, value):
            return f"{mapping}.{key[:SHOWN_CHARACTERS]}", value
    return mapping, None


def _entries(document: object, path: str) -> dict[str, object]:
    found = _value_at(document, path)
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def _offends(what: str, value: object) -> bool:
    kind = KINDS.get(type(value), "null")
    limit = LIMIT.fullmatch(what)
    if limit is None:
        return what.endswith(f", got `{kind}`")
    if limit[1] != kind:
        return False
    size, most = len(value) if isinstance(value, str) else cast("float", value), int(limit[3])
    return size > most if limit[2] == "<=" else size < most


def _shown(param: str) -> str:
    return f"'{param}'" if param else "the request's body"


def _plain(number: str) -> str:
    return number.removesuffix(".0")
