import pytest

from vivavoce.core import errors
from vivavoce.core.errors import BadAudio, BadRequest, EngineFailed, EngineTimeout, Overloaded, PublicError

GIVEN = ["BadRequest", "Unauthorized", "Forbidden", "NotFound", "TooLarge"]


@pytest.mark.parametrize("line", [line for line in (errors.__doc__ or "").splitlines() if "──" in line])
def test_the_tree_in_the_docstring_is_true(line: str) -> None:
    name, status, kind, *_ = line.strip("│├└─ ").split()
    known = getattr(errors, name)
    error = known("words") if name in GIVEN else known()
    assert (error.status, error.kind) == (int(status), kind)
    assert isinstance(error, PublicError)


def test_every_error_is_in_the_tree() -> None:
    names = [name for name, kind in vars(errors).items() if isinstance(kind, type)]
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
