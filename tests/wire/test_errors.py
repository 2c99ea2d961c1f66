import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.wire.recorded import whole
from vivavoce.core.errors import BadRequest, EngineFailed, MethodNotAllowed, Overloaded, PublicError, RateLimited
from vivavoce.wire import errors
from vivavoce.wire.errors import Call


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


def test_the_keys_of_the_aiml_api_stand_beside_the_others() -> None:
    error = BadRequest("words", param="n", code="invalid_value")
    call = Call("/v1/chat/completions", "798b860e-98c2-4e8e-8c50-550bcfc2eccc")
    told = json.loads(errors.body(error, call))
    when = told.pop("timestamp")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", when)
    assert abs(datetime.fromisoformat(when) - datetime.now(UTC)) < timedelta(minutes=1)
    assert told == json.loads(errors.body(error)) | {
        "message": "words",
        "path": "/v1/chat/completions",
        "requestId": "798b860e-98c2-4e8e-8c50-550bcfc2eccc",
        "statusCode": "400",
    }
    assert errors.event(error, call).startswith(b'data: {"error":{"message":"words",')


@pytest.mark.parametrize(("seconds", "header"), [(0, "1"), (0.2, "1"), (1, "1"), (2.5, "3"), (30.0, "30")])
def test_a_full_server_says_when_to_come_back_in_whole_seconds(seconds: float, header: str) -> None:
    assert errors.headers(Overloaded(seconds)) == {"retry-after": header}


def test_a_limit_elsewhere_says_when_only_where_it_was_said() -> None:
    assert errors.headers(RateLimited(2.5)) == {"retry-after": "3"}
    assert errors.headers(RateLimited()) == {}


def test_a_wrong_method_is_told_the_right_ones() -> None:
    assert errors.headers(MethodNotAllowed("words", ["GET", "HEAD"])) == {"allow": "GET, HEAD"}


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


@pytest.mark.parametrize(("seconds", "words"), [(0.0, "in 1 second."), (1.0, "in 1 second."), (2.2, "in 3 seconds.")])
def test_the_words_and_the_header_say_the_same_time(seconds: float, words: str) -> None:
    full = Overloaded(seconds)
    assert full.message.endswith(f"You can retry your request {words}")
    assert errors.headers(full)["retry-after"] == words.split()[1]
