"""The OpenAI Agents SDK: its chat-completions model with tools, and one-shot hearing and speaking around it."""

import asyncio
from typing import Any

import checks
import numpy as np
from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from agents.voice import (
    AudioInput,
    OpenAIVoiceModelProvider,
    SingleAgentVoiceWorkflow,
    STTModelSettings,
    TTSModelSettings,
    VoicePipeline,
    VoicePipelineConfig,
)
from openai import AsyncOpenAI, BadRequestError
from pydantic import BaseModel


class Place(BaseModel):
    """A place."""

    city: str
    people: int


@function_tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def agent(client: AsyncOpenAI, name: str, **more: Any) -> Agent:
    return Agent(name="Helper", model=OpenAIChatCompletionsModel(name, client), **more)


async def chats(client: AsyncOpenAI) -> None:
    """A call, its result, and an answer of a given shape, whole and streamed."""
    caller = agent(client, checks.CALLER, tools=[weather])
    done = await Runner.run(caller, "What is the weather in Paris?")
    assert done.final_output == "It says sunny in Paris.", done.final_output
    assert done.context_wrapper.usage.total_tokens > 0, done.context_wrapper.usage
    streamed = Runner.run_streamed(caller, "What is the weather in Paris?")
    kinds = [event.type async for event in streamed.stream_events()]
    assert "run_item_stream_event" in kinds, set(kinds)
    assert streamed.final_output == "It says sunny in Paris.", streamed.final_output
    shaped = await Runner.run(agent(client, checks.CALLER, output_type=Place), "Where is it?")
    assert shaped.final_output == Place(city="Paris", people=42), shaped.final_output


async def voice(client: AsyncOpenAI) -> None:
    """Sound in, words, an agent's answer, sound out: the pipeline with a whole recording."""
    recording = np.frombuffer(checks.recording()[44:], dtype=np.int16)
    provider = OpenAIVoiceModelProvider(openai_client=client)
    stt = provider.get_stt_model("gpt-4o-mini-transcribe")
    heard = await stt.transcribe(
        AudioInput(buffer=recording),
        STTModelSettings(),
        trace_include_sensitive_data=False,
        trace_include_sensitive_audio_data=False,
    )
    assert heard == checks.HEARS, heard
    tts = provider.get_tts_model("gpt-4o-mini-tts")
    checks.sounds(b"".join([piece async for piece in tts.run("Hello there.", TTSModelSettings(voice="alloy"))]))
    pipeline = VoicePipeline(
        workflow=SingleAgentVoiceWorkflow(agent(client, checks.MODEL)),
        stt_model=stt,
        tts_model=tts,
        config=VoicePipelineConfig(tracing_disabled=True, tts_settings=TTSModelSettings(voice="echo")),
    )
    result = await pipeline.run(AudioInput(buffer=recording))
    events = [event async for event in result.stream()]
    failed = [event for event in events if event.type == "voice_stream_event_error"]
    assert not failed, failed
    sound = [event.data for event in events if event.type == "voice_stream_event_audio"]
    checks.sounds(b"".join(piece.tobytes() for piece in sound if piece is not None))


async def refused(client: AsyncOpenAI) -> None:
    noise: Any = {"type": "input_audio", "input_audio": {"data": "bm90IGF1ZGlv", "format": "wav"}}
    asked: Any = [{"role": "user", "content": [noise]}]
    error = await checks.raised_by(BadRequestError, Runner.run(agent(client, checks.MODEL), asked))
    assert error.code == "unsupported_format", error


async def main() -> None:
    set_tracing_disabled(True)
    async with AsyncOpenAI(base_url=checks.URL, api_key="anything", max_retries=0) as client:
        await chats(client)
        await voice(client)
        await refused(client)


asyncio.run(main())
