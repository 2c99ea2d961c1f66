"""pydantic-ai's agent: recordings in (as bytes and as a data URI), tools, a shaped answer, streams, usage, errors."""

import asyncio
from typing import Any

import checks
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai import OpenAIProvider

PROVIDER = OpenAIProvider(base_url=checks.URL, api_key="anything")


class Place(BaseModel):
    """A place."""

    city: str
    people: int


def model(name: str, **profile: Any) -> OpenAIChatModel:
    return OpenAIChatModel(name, provider=PROVIDER, profile=OpenAIModelProfile(**profile) if profile else None)


async def recordings() -> None:
    """Both formats, each of the two ways it may be sent."""
    for way in ("base64", "uri"):
        agent = Agent(model(checks.MODEL, openai_chat_audio_input_encoding=way))
        for form in ("wav", "mp3"):
            kind = "audio/wav" if form == "wav" else "audio/mpeg"
            answer = await agent.run(["Answer this:", BinaryContent(checks.recording(form), media_type=kind)])
            checks.said(answer.output)
            usage: Any = answer.usage() if callable(answer.usage) else answer.usage
            assert usage.input_audio_tokens >= 10, f"{way} {form}: {usage}"
            assert usage.output_tokens > 0, f"{way} {form}: {usage}"
    first = await agent.run("Hello")
    second = await agent.run("And then?", message_history=first.all_messages())
    checks.said(second.output)


async def streams() -> None:
    async with Agent(model(checks.MODEL)).run_stream("Hello") as answer:
        pieces = [piece async for piece in answer.stream_text(delta=True, debounce_by=None)]
    checks.said("".join(pieces))
    assert len(pieces) > 1, f"one piece: {pieces}"


async def tools() -> None:
    """The agent calls our function, and says what it got; whole and streamed."""
    asked: list[str] = []

    def weather(city: str) -> str:
        """Say the weather in a city."""
        asked.append(city)
        return f"sunny in {city}"

    agent = Agent(model(checks.CALLER), tools=[weather])
    answer = await agent.run("What is the weather in Paris?")
    assert answer.output == "It says sunny in Paris.", answer.output
    async with agent.run_stream("What is the weather in Paris?") as streamed:
        assert await streamed.get_output() == "It says sunny in Paris."
    assert asked == ["Paris", "Paris"], asked


async def shaped() -> None:
    answer = await Agent(model(checks.CALLER), output_type=Place).run("Where is it?")
    assert answer.output == Place(city="Paris", people=42), answer.output


async def refused() -> None:
    noise = BinaryContent(b"not audio", media_type="audio/wav")
    for name, content, status in ((checks.MODEL, [noise], 400), ("gpt-9", "Hello", 404)):
        error = await checks.raised_by(ModelHTTPError, Agent(model(name)).run(content))
        assert error.status_code == status, error
        assert {"message", "type", "param", "code"} <= set(error.body), error.body  # type: ignore[arg-type]


async def main() -> None:
    await recordings()
    await streams()
    await tools()
    await shaped()
    await refused()


asyncio.run(main())
