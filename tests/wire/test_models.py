import json

from openai.types import Model

from tests.wire.recorded import shape, whole
from vivavoce.core.errors import NotFound
from vivavoce.wire import errors
from vivavoce.wire.models import model, model_list, no_access, not_a_chat_model, not_to_be_deleted, unknown_model


def test_a_model_is_read_strictly_by_the_official_client() -> None:
    read = Model.model_validate(json.loads(model("ours", 1_721_172_741, "vivavoce")), strict=True)
    assert (read.id, read.object, read.created, read.owned_by) == ("ours", "model", 1_721_172_741, "vivavoce")


def test_the_list_has_every_model_in_order() -> None:
    body = json.loads(model_list([("a", 1, "x"), ("b", 2, "y")]))
    assert body["object"] == "list"
    assert body["data"] == [json.loads(model("a", 1, "x")), json.loads(model("b", 2, "y"))]


def test_a_model_has_the_shape_of_the_recorded_one() -> None:
    """Ours differs in one thing: `shutdown_date` is there, null, as the newer schema says."""
    ours = shape(json.loads(model("ours", 1, "vivavoce")))
    assert ours.pop(".shutdown_date") == "NoneType"
    assert list(ours.items()) == list(shape(whole("ModelsTests-GetModelInfo")).items())


def test_a_model_that_is_there_is_not_deleted() -> None:
    error = not_to_be_deleted("ours")
    assert (error.status, error.param, error.code) == (403, "model", "model_not_deletable")
    assert error.message == "The model 'ours' is not fine-tuned, and cannot be deleted."


def test_an_unknown_model_is_told_in_the_recorded_words() -> None:
    error = unknown_model("fake_id")
    assert error.status == 404
    assert json.loads(errors.body(error)) == whole("ModelsTests-GetModelCanParseServiceError")


def test_a_request_for_an_unknown_model_is_told_in_the_original_words() -> None:
    error = no_access("X")
    assert isinstance(error, NotFound)
    assert (error.message, error.param, error.code) == (
        "The model `X` does not exist or you do not have access to it.",
        None,
        "model_not_found",
    )


def test_a_long_name_is_not_said_back() -> None:
    assert len(unknown_model("x" * 10_000).message) < 300
    assert len(no_access("x" * 10_000).message) < 300


def test_a_model_that_only_hears_or_speaks_is_told_where_it_is_served() -> None:
    error = not_a_chat_model()
    assert (error.status, error.kind, error.param, error.code) == (404, "invalid_request_error", "model", None)
    assert error.message == (
        "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use "
        "v1/audio/transcriptions or v1/audio/speech?"
    )
