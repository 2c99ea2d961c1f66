"""What is said of a conversation that is too long, and read from it again."""

import pytest

from vivavoce.core.context import check_fits, excess, too_long, too_long_somehow
from vivavoce.core.errors import BadRequest
from vivavoce.core.turn import Sampling, Turn


def test_messages_that_do_not_fit_are_told_in_the_words_of_the_original() -> None:
    error = too_long(128_000, 131_072)
    assert error.message == (
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 131072 tokens. "
        "Please reduce the length of the messages."
    )
    assert (error.param, error.code, error.status) == ("messages", "context_length_exceeded", 400)


def test_messages_that_leave_too_little_are_told_in_the_words_of_the_original() -> None:
    error = too_long(4097, 3245, 1050)
    assert error.message == (
        "This model's maximum context length is 4097 tokens. However, you requested 4295 tokens (3245 in the messages, "
        "1050 in the completion). Please reduce the length of the messages or completion."
    )
    assert (error.param, error.code) == ("messages", "context_length_exceeded")


@pytest.mark.parametrize(
    ("error", "sizes"),
    [
        (too_long(128_000, 131_072), (3073, 128_000)),
        (too_long(4097, 3245, 1050), (198, 4097)),
        (too_long(8192, 8192), (1, 8192)),
        (too_long_somehow(), None),
        (BadRequest("Of something else."), None),
    ],
)
def test_how_much_is_too_much_can_be_read_from_the_words(error: BadRequest, sizes: tuple[int, int] | None) -> None:
    assert excess(error) == sizes


@pytest.mark.parametrize(
    ("turn", "most"),
    [
        (Turn(()), 99),
        (Turn((), room=10), 90),
        (Turn((), room=1000), 75),
        (Turn((), room=10, sampling=Sampling(max_tokens=40)), 60),
        (Turn((), room=10, sampling=Sampling(max_tokens=40), voice="any"), 90),
    ],
)
def test_a_prompt_must_leave_the_room_its_answer_is_to_have(turn: Turn, most: int) -> None:
    check_fits(turn, most, 100)
    with pytest.raises(BadRequest) as refused:
        check_fits(turn, most + 1, 100)
    assert refused.value.code == "context_length_exceeded"
