"""Fields of the chat request."""

from typing import Any

from vivavoce.conform.asking import HELLO, STORY, choice, message, user, written
from vivavoce.conform.check import Group
from vivavoce.conform.seen import Seen, Skipped, fail
from vivavoce.conform.subject import Subject

GROUP = Group("fields")
SHAPE: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
USUAL: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.1,
    "seed": 7,
    "user": "conform",
    "metadata": {"made": "conform"},
    "service_tier": "auto",
    "safety_identifier": "conform",
    "prompt_cache_key": "conform",
    "n": 1,
    "stream": False,
}
NULLS = dict.fromkeys(
    (
        "temperature",
        "top_p",
        "n",
        "stop",
        "seed",
        "logit_bias",
        "logprobs",
        "max_tokens",
        "max_completion_tokens",
        "audio",
        "modalities",
        "metadata",
        "stream_options",
        "presence_penalty",
        "frequency_penalty",
        "prediction",
    )
)
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)


async def _asked(subject: Subject, text: str = HELLO, **fields: Any) -> Seen:
    return (await subject.chat(messages=[await user(subject, text)], **fields)).json()


@GROUP.must
async def usual(subject: Subject) -> None:
    """The fields that clients usually send are taken."""
    message(await _asked(subject, **USUAL))["content"].text()


@GROUP.must
async def nulls(subject: Subject) -> None:
    """`null` is taken as not given."""
    message(await _asked(subject, **NULLS))["content"].text()


@GROUP.may
async def unknown(subject: Subject) -> None:
    """A field that nobody knows is ignored."""
    message(await _asked(subject, conform_made_this_up=True))["content"].text()


@GROUP.should
async def n(subject: Subject) -> None:
    """With `n` 2 there are two choices, `index` 0 and 1."""
    choices = (await _asked(subject, n=2))["choices"]
    if [found["index"].whole() for found in choices.items()] != [0, 1]:
        choices.is_not("two choices, index 0 and 1")
    for found in choices.items():
        found["message"]["content"].text()


@GROUP.should
async def stop(subject: Subject) -> None:
    """The answer ends before a `stop` text."""
    found = choice(await _asked(subject, STORY, stop=["e"], max_completion_tokens=64))
    if "e" in found["message"]["content"].text(filled=False):
        fail("an answer without the stop text", "one with it")
    found["finish_reason"].one_of("stop", "length")


async def cut(subject: Subject, field: str) -> Seen:
    """An answer that may have 8 tokens."""
    return await _asked(subject, STORY, **{field: 8})


@GROUP.must
async def max_completion_tokens(subject: Subject) -> None:
    """An answer longer than `max_completion_tokens` is cut, and ends with `length`."""
    choice(await subject.once(cut, "max_completion_tokens"))["finish_reason"].one_of("length")


@GROUP.must
async def max_tokens(subject: Subject) -> None:
    """The older `max_tokens` does the same."""
    choice(await subject.once(cut, "max_tokens"))["finish_reason"].one_of("length")


@GROUP.should
async def counted_to_the_limit(subject: Subject) -> None:
    """An answer that is cut costs at most what it may."""
    cost = (await subject.once(cut, "max_completion_tokens"))["usage"]["completion_tokens"]
    if cost.whole() > 8:
        cost.is_not("at most 8")


def _in_json(answer: Seen) -> Seen:
    """What the answer says in JSON; one that was cut at its longest says nothing of that, as with the original."""
    if choice(answer)["finish_reason"].value == "length":
        raise Skipped("the answer was cut at its longest")
    return Seen.parsed(message(answer)["content"].text(), "content")


@GROUP.may
async def json_object(subject: Subject) -> None:
    """With `response_format` `json_object` the answer is an object in JSON."""
    text = "Tell me about a king, as a JSON object with his name and his age."
    answer = await _asked(subject, text, response_format={"type": "json_object"})
    _in_json(answer).fields()


@GROUP.may
async def json_schema(subject: Subject) -> None:
    """With `response_format` `json_schema` the answer is as the schema says."""
    named = {"name": "king", "schema": SHAPE, "strict": True}
    form = {"type": "json_schema", "json_schema": named}
    answer = await _asked(subject, "Tell me a king's name and age, as JSON.", response_format=form)
    found = _in_json(answer)
    found["name"].text(filled=False)
    found["age"].number()


@GROUP.may
async def logprobs(subject: Subject) -> None:
    """With `logprobs` every token has its likelihood, and the likeliest beside it."""
    content = choice(await _asked(subject, logprobs=True, top_logprobs=2))["logprobs"]["content"]
    for token in content.items(least=1):
        token["token"].text(filled=False)
        token["logprob"].number()
        token["top_logprobs"].items()
        if token["bytes"].value is not None:
            token["bytes"].items()


@GROUP.should
async def logprobs_unasked(subject: Subject) -> None:
    """Without `logprobs` a choice has `logprobs: null`, or none."""
    found = choice(await subject.once(written)).get("logprobs")
    if found is not None:
        found.is_not("null")


@GROUP.should
async def image(subject: Subject) -> None:
    """An `image_url` is refused with 400 `invalid_value`, as audio models do."""
    parts = [{"type": "text", "text": HELLO}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    answer = await subject.chat(messages=[{"role": "user", "content": parts}])
    answer.refused(400, param="messages[0].content", code="invalid_value")
