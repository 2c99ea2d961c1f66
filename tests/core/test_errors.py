import pytest

from vivavoce.core import errors
from vivavoce.core.errors import (
    BadAudio,
    BadRequest,
    EngineFailed,
    EngineTimeout,
    Overloaded,
    PublicError,
    trail,
    unknown_voice,
)

GIVEN = [
    "BadRequest",
    "Unauthorized",
    "Forbidden",
    "NotFound",
    "MethodNotAllowed",
    "Conflict",
    "TooLarge",
    "TryLater",
    "LimitReached",
]


@pytest.mark.parametrize("line", [line for line in (errors.__doc__ or "").splitlines() if "──" in line])
def test_the_tree_in_the_docstring_is_true(line: str) -> None:
    name, status, kind, *_ = line.strip("│├└─ ").split()
    known = getattr(errors, name)
    error = known("words") if name in GIVEN else known()
    assert (error.status, error.kind) == (int(status), kind)
    assert isinstance(error, PublicError)


def test_every_error_is_in_the_tree() -> None:
    named = vars(errors).items()
    names = [name for name, kind in named if getattr(kind, "__module__", "") == errors.__name__ and name[0].isupper()]
    assert all(name in (errors.__doc__ or "") for name in names)


def test_what_the_client_reads_is_what_was_given() -> None:
    error = BadRequest("words", param="n", code="invalid_value")
    assert (str(error), error.message, error.param, error.code) == ("words", "words", "n", "invalid_value")


def test_bad_audio_speaks_the_words_of_the_original() -> None:
    error = BadAudio()
    assert (error.message, error.param, error.code) == (
        "This model does not support the format you provided.",
        "messages",
        "unsupported_format",
    )


@pytest.mark.parametrize("error", [EngineFailed(), EngineTimeout(), Overloaded(2.5)])
def test_errors_of_engines_name_no_field(error: PublicError) -> None:
    assert (error.param, error.code) == (None, None)
    assert error.message


def test_an_unknown_voice_names_the_known_ones_and_little_of_itself() -> None:
    error = unknown_voice("bob", ("alloy", "ash", "echo"), "voice")
    assert error.message == "Invalid value: 'bob'. Supported values are: 'alloy', 'ash' and 'echo'."
    assert (error.status, error.param, error.code) == (400, "voice", "invalid_value")
    assert unknown_voice("bob", ("alloy",)).message.endswith("Supported values are: 'alloy'.")
    assert len(unknown_voice("x" * 10_000, ("alloy",)).message) < 200


def test_a_trail_says_where_and_never_what() -> None:
    try:
        unknown_voice("secret", None)  # type: ignore[arg-type]
    except TypeError as error:
        said = trail(error)
    assert said.startswith("errors.py:")
    assert "unknown_voice" in said
    assert "secret" not in said
