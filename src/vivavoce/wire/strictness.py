"""What the original refuses of a chat request to these models and we take, unless we are strict."""

import msgspec
from msgspec import Raw

from vivavoce.core.errors import BadRequest
from vivavoce.wire.invalid import not_json
from vivavoce.wire.request import ChatRequest, JsonSchemaFormat
from vivavoce.wire.sampling import check_ids

TEXT_ONLY = "This model requires that either input content or output modality contain audio."
NO_SCHEMA = (
    "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model. Learn more about "
    "supported models at the Structured Outputs guide: https://platform.openai.com/docs/guides/structured-outputs"
)
NO_SEARCH = "Web search options not supported with this model."
OF_OTHER_MODELS = ("reasoning_effort", "prediction")
SHOWN_NAMES = 8
SHOWN_CHARACTERS = 64
NAMES = msgspec.json.Decoder(dict[str, Raw])


def check(request: ChatRequest, body: bytes, *, hears: bool) -> None:
    """Refuse what the original refused of these models, in its words.

    Args:
        request: as decoded.
        body: what it was decoded from, for the names of fields that are none.
        hears: whether there is a recording in it.

    Raises:
        BadRequest: it would have.
    """
    _check_names(request, body)
    check_ids(request)
    if request.web_search_options is not None:
        raise BadRequest(NO_SEARCH, param="web_search_options")
    if not request.speaks and not hears:
        raise BadRequest(TEXT_ONLY, param="model", code="invalid_value")
    if isinstance(request.response_format, JsonSchemaFormat):
        raise BadRequest(NO_SCHEMA)


def _check_names(request: ChatRequest, body: bytes) -> None:
    known = {name for name in ChatRequest.__struct_fields__ if not _of_another_model(request, name)}
    try:
        unknown = [name for name in NAMES.decode(body) if name not in known]
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
    ):  # in a name that is not looked at unless we are strict
        raise not_json() from None
    if unknown:
        shown = ", ".join(name[:SHOWN_CHARACTERS] for name in unknown[:SHOWN_NAMES])
        word = "argument" if len(unknown) == 1 else "arguments"
        raise BadRequest(f"Unrecognized request {word} supplied: {shown}")


def _of_another_model(request: ChatRequest, name: str) -> bool:
    return name in OF_OTHER_MODELS and getattr(request, name) is not None
