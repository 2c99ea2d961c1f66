import json

import pytest

from tests.wire.recorded import whole
from vivavoce.core.errors import BadRequest, EngineFailed, Overloaded, PublicError
from vivavoce.wire import errors


@pytest.mark.parametrize(
    "error", [BadRequest("words", param="n", code="invalid_value"), BadRequest("words"), EngineFailed(), Overloaded()]
)
def test_all_four_keys_are_always_there(error: PublicError) -> None:
    assert json.loads(errors.body(error)) == {
        "error": {"message": error.message, "type": error.kind, "param": error.param, "code": error.code}
    }


def test_in_a_stream_it_is_one_event_and_no_end() -> None:
    error = EngineFailed()
    assert errors.event(error) == b"data: " + errors.body(error) + b"\n\n"


@pytest.mark.parametrize(("seconds", "header"), [(0, "1"), (0.2, "1"), (1, "1"), (2.5, "3"), (30.0, "30")])
def test_a_full_server_says_when_to_come_back_in_whole_seconds(seconds: float, header: str) -> None:
    assert errors.headers(Overloaded(seconds)) == {"retry-after": header}


def test_other_errors_say_nothing_of_coming_back() -> None:
    assert errors.headers(EngineFailed()) == {}


def test_of_a_bug_a_client_learns_an_id() -> None:
    bug = errors.internal("3f2a")
    assert (bug.status, bug.kind, bug.param, bug.code) == (500, "server_error", None, None)
    assert "3f2a" in bug.message


@pytest.mark.parametrize("name", ["ChatTests-AuthFailure", "ModelsTests-GetModelCanParseServiceError"])
def test_the_recorded_errors_have_our_keys_in_our_order(name: str) -> None:
    ours = json.loads(errors.body(BadRequest("words")))
    assert list(whole(name)["error"]) == list(ours["error"])
