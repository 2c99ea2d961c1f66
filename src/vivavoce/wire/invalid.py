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

    Args:
        error: what msgspec found.
        body: the JSON it was found in, for the value that was sent.
        supported: the values an enumeration takes, by the last name in the path; also by the name before and that
            name, as in `tools.type`, and inside a message by its role and that name, as in `user.type`.
    """
    try:
        document = msgspec.json.decode(body)
    except msgspec.ValidationError:  # a number out of range
        document = None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return not_json()
    found = PATH.fullmatch(str(error))
    what, path = (found["what"], found["path"]) if found else (str(error), "")
    param = _named(path, document)
    *before, name = ["", *(step.partition("[")[0] for step in path.split("."))]
    role = _value_at(document, f"{path.partition('.')[0]}.role")
    values = next((supported[key] for key in (f"{role}.{name}", f"{before[-1]}.{name}", name) if key in supported), "")
    for shape, words in SHAPES:
        match = shape.fullmatch(what)
        if match:
            return words(match, param, _value_at(document, path), values)
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
    above = match[2].startswith("<")
    kind = "integer" if match[1] == "int" else "decimal"
    side, limit = ("above", "maximum") if above else ("below", "minimum")
    words = (
        f"Invalid '{param}': {kind} {side} {limit} value. "
        f"Expected a value {match[2]} {_plain(match[3])}, but got {_plain(str(sent))[:SHOWN_CHARACTERS]} instead."
    )
    return BadRequest(words, param=param, code=f"{kind}_{side}_{limit[:3]}_value")


def _wrong_length(match: Found, param: str, sent: object, _values: str) -> BadRequest:
    kind, article = ("array", "an") if match[1] == "array" else ("string", "a")
    if match[2] == ">=":
        words = (
            f"Invalid '{param}': empty {kind}. Expected {article} {kind} with minimum length {match[3]}, "
            f"but got an empty {kind} instead."
        )
        return BadRequest(words, param=param, code=f"empty_{kind}")
    length = len(cast("Sized", sent))
    words = (
        f"Invalid '{param}': {kind} too long. Expected {article} {kind} with maximum length {match[3]}, "
        f"but got {article} {kind} with length {length} instead."
    )
    return BadRequest(words, param=param, code=f"{kind}_above_max_length")


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


def _named(path: str, document: object) -> str:
    """The path as the original writes it: with the key of a free mapping (of strings, ours are)."""
    mapping, found, rest = path.partition("[...]")
    if not found:
        return path
    entries = cast("dict[str, object]", _value_at(document, mapping) or {})
    key = next((key for key, value in entries.items() if not isinstance(value, str)), "")
    return f"{mapping}.{key[:SHOWN_CHARACTERS]}{rest}" if key else mapping


def _shown(param: str) -> str:
    return f"'{param}'" if param else "the request's body"


def _plain(number: str) -> str:
    return number.removesuffix(".0")
