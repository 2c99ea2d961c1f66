"""Fields of the chat request that are out of their range or of another type, or that are missing."""

from typing import Any

from vivavoce.conform.asking import HELLO
from vivavoce.conform.check import Group, Look
from vivavoce.conform.subject import Subject

GROUP = Group("ranges")
MESSAGES: Any = [{"role": "user", "content": HELLO}]
ABOVE, BELOW = "above_max_value", "below_min_value"
OUT: list[tuple[str, dict[str, Any], str, str]] = [
    ("temperature", {"temperature": 3}, "temperature", f"decimal_{ABOVE}"),
    ("top-p", {"top_p": -1}, "top_p", f"decimal_{BELOW}"),
    ("presence-penalty", {"presence_penalty": 3}, "presence_penalty", f"decimal_{ABOVE}"),
    ("frequency-penalty", {"frequency_penalty": -3}, "frequency_penalty", f"decimal_{BELOW}"),
    ("n", {"n": 0}, "n", f"integer_{BELOW}"),
    ("many-n", {"n": 1000}, "n", f"integer_{ABOVE}"),
    ("top-logprobs", {"logprobs": True, "top_logprobs": 21}, "top_logprobs", f"integer_{ABOVE}"),
    ("stop", {"stop": list("abcde")}, "stop", "array_above_max_length"),
    ("metadata", {"metadata": {str(key): "" for key in range(17)}}, "metadata", "object_above_max_properties"),
    ("no-messages", {"messages": None}, "messages", ""),
    ("empty-messages", {"messages": []}, "messages", ""),
    ("role", {"messages": [{"role": "conform", "content": HELLO}]}, "messages[0].role", "invalid_value"),
    ("type", {"temperature": "hot"}, "temperature", "invalid_type"),
    ("modalities", {"modalities": ["smell"]}, "modalities[0]", "invalid_value"),
]


def _refused(fields: dict[str, Any], param: str, code: str) -> Look:
    async def look(subject: Subject) -> None:
        body = {"messages": MESSAGES} | fields
        (await subject.chat(**body)).refused(400, param=param, code=code or None)

    return look


for name, fields, param, code in OUT:
    told = f"Refused with 400, `param` `{param}`" + (f", `{code}`." if code else ".")
    GROUP.add(name, "should", told, _refused(fields, param, code))


@GROUP.must
async def refused_in_the_envelope(subject: Subject) -> None:
    """A field out of its range is 400 in the envelope with all four keys."""
    (await subject.chat(messages=MESSAGES, temperature=3)).refused(400)


@GROUP.must
async def missing_messages(subject: Subject) -> None:
    """A chat without messages is 400, in the envelope."""
    (await subject.chat()).refused(400)


@GROUP.should
async def too_many_tokens(subject: Subject) -> None:
    """More than the model can say is 400."""
    (await subject.chat(messages=MESSAGES, max_completion_tokens=10_000_000)).refused(400)
