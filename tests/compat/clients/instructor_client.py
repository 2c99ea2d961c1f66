"""instructor: an object out of a recording, by a forced tool call, by JSON schema, and streamed field by field."""

from functools import partial
from typing import Any

import checks
import instructor
from instructor.core import InstructorRetryException
from instructor.processing.multimodal import Audio
from openai import BadRequestError, NotFoundError, OpenAI
from pydantic import BaseModel


class Place(BaseModel):
    """A place that was named."""

    city: str
    people: int


PLACE = Place(city="Paris", people=42)
OFFICIAL = OpenAI(base_url=checks.URL, api_key="anything", max_retries=0)
TOLD: Any = ["Which place is this about?", Audio.from_path(checks.RECORDINGS / "question.wav")]
ASKED: Any = {"model": checks.CALLER, "messages": [{"role": "user", "content": TOLD}], "max_retries": 1}
NOISE: Any = [
    {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "bm90IGF1ZGlv", "format": "wav"}}]}
]


def main() -> None:
    for mode in (instructor.Mode.TOOLS, instructor.Mode.TOOLS_STRICT, instructor.Mode.JSON_SCHEMA):
        client = instructor.from_openai(OFFICIAL, mode=mode)
        place: Any
        place, completion = client.chat.completions.create_with_completion(response_model=Place, **ASKED)
        assert place.model_dump() == PLACE.model_dump(), f"{mode}: {place}"
        usage: Any = completion.usage
        assert usage.prompt_tokens_details.audio_tokens >= 10, f"{mode}: {usage}"
    client = instructor.from_openai(OFFICIAL, mode=instructor.Mode.TOOLS)
    parts = list(client.chat.completions.create_partial(response_model=Place, **ASKED))
    assert len(parts) > 1, f"one part: {parts}"
    assert parts[-1].model_dump() == PLACE.model_dump(), parts[-1]
    many = list(client.chat.completions.create_iterable(response_model=Place, **ASKED))
    assert [one.model_dump() for one in many] == [PLACE.model_dump()], many
    refused(client)


def refused(client: Any) -> None:
    """What the server says of a request is what instructor gives up with."""
    for changed, kind in (({"model": "gpt-9"}, NotFoundError), ({"messages": NOISE}, BadRequestError)):
        ask = partial(client.create, response_model=Place, **{**ASKED, **changed})
        error = checks.raised(InstructorRetryException, ask)
        assert isinstance(error.__cause__, kind), repr(error.__cause__)


main()
