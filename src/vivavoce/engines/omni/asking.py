"""A turn as messages of the library's, and what this engine does not do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vivavoce.audio.resample import resample
from vivavoce.audio.samples import to_floats
from vivavoce.core.errors import BadRequest
from vivavoce.core.turn import Part, Role, Sampling, Speech, ToolResult, Turn
from vivavoce.engines.contents import words

HEARS_AT = 16_000
"""Hz."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A turn as the model reads it."""

    inputs: Any
    tokens: int
    heard: int
    """How many of the tokens are sound."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How an answer is to be made."""

    speaker: str | None
    """None: in writing."""
    most: int
    """Tokens of words."""
    most_s: float
    """Seconds of sound."""
    sampling: Sampling


def messages(turn: Turn, instruction: str, plain: Callable[[str], str]) -> list[dict[str, Any]]:
    """What was said: to the model as sound where there is any, by it as it was written down."""

    def content(role: Role, part: Part) -> dict[str, Any]:
        if isinstance(part, Speech) and part.pcm is not None and role == "user":
            pcm = part.pcm if part.pcm.rate == HEARS_AT else resample(part.pcm, HEARS_AT)
            return {"type": "audio", "audio": to_floats(pcm)}
        text = part.text if isinstance(part, ToolResult) else words(part)
        return {"type": "text", "text": plain(text)}

    lead = [{"role": "system", "content": [{"type": "text", "text": instruction}]}] if instruction else []
    said = [{"role": each.role, "content": [content(each.role, part) for part in each.parts]} for each in turn.messages]
    return lead + said


def check_served(turn: Turn) -> None:
    """Whether the engine can do what is asked.

    Raises:
        BadRequest: it cannot.
    """
    asked = turn.sampling
    unserved = {
        "tools": bool(turn.tools) and turn.tool_choice.mode != "none",
        "response_format": turn.schema is not None,
        "logprobs": asked.logprobs,
        "presence_penalty": asked.presence_penalty,
        "frequency_penalty": asked.frequency_penalty,
    }
    for param, wanted in unserved.items():
        if wanted:
            raise BadRequest(f"This model does not support '{param}'.", param=param, code="unsupported_value")


def choices(sampling: Sampling) -> dict[str, Any]:
    """How the thinker picks its words, where the client says."""
    asked: dict[str, Any] = {}
    if sampling.temperature is not None:
        asked["thinker_do_sample"] = sampling.temperature > 0
    if sampling.temperature:
        asked["thinker_temperature"] = sampling.temperature
    if sampling.top_p is not None and sampling.temperature != 0:
        asked |= {"thinker_do_sample": True, "thinker_top_p": sampling.top_p}
    if sampling.logit_bias:
        asked["thinker_sequence_bias"] = [[[token], float(bias)] for token, bias in sampling.logit_bias]
    return asked
