"""LangChain's chat model: audio in and out, history by id, tools, a shaped answer, streams (where it drops audio)."""

import base64
from typing import Any

import checks
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import BadRequestError
from pydantic import BaseModel

SETTINGS: Any = {"base_url": checks.URL, "api_key": "anything", "use_responses_api": False, "max_retries": 0}
SPOKEN: Any = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}


class Place(BaseModel):
    """A place."""

    city: str
    people: int


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def spoken(answer: AIMessage) -> dict[str, Any]:
    """The sound of an answer, where LangChain puts it."""
    audio = answer.additional_kwargs.get("audio")
    assert audio, f"no audio in {answer.additional_kwargs}"
    checks.said(audio["transcript"])
    sound = checks.samples(base64.b64decode(audio["data"]))
    assert answer.response_metadata["model_name"] == checks.SNAPSHOT
    checks.adds_up(answer.response_metadata["token_usage"], sound)
    usage: Any = answer.usage_metadata
    assert usage["output_token_details"]["audio"] > 0, f"usage {usage}"
    return audio


def turns() -> None:
    """A recording, its spoken answer, and a second turn that names it by id, with empty content beside."""
    model = ChatOpenAI(model=checks.MODEL, model_kwargs=SPOKEN, **SETTINGS)
    asked = HumanMessage(content=[{"type": "text", "text": "Answer this:"}, checks.part()])
    first = model.invoke([asked])
    spoken(first)
    usage: Any = first.usage_metadata
    assert usage["input_token_details"]["audio"] > 0, f"usage {usage}"
    spoken(model.invoke([asked, first, HumanMessage("And then?")]))


def streams() -> None:
    """In writing word by word; aloud LangChain drops the sound, but must still come to the end."""
    written = ChatOpenAI(model=checks.MODEL, stream_usage=True, **SETTINGS)
    chunks = list(written.stream("Hello"))
    checks.said("".join(str(chunk.content) for chunk in chunks))
    assert any(chunk.usage_metadata for chunk in chunks), "a stream without usage"
    aloud: Any = {**SPOKEN, "audio": {"voice": "alloy", "format": "pcm16"}}
    sounding = list(ChatOpenAI(model=checks.MODEL, model_kwargs=aloud, **SETTINGS).stream("Hello"))
    assert not any(chunk.content for chunk in sounding), "words as content of a spoken stream"


def tools() -> None:
    """A call, streamed and whole, and the answer to its result."""
    model = ChatOpenAI(model=checks.CALLER, **SETTINGS).bind_tools([weather])
    asked = HumanMessage("What is the weather in Paris?")
    added: Any = None
    for chunk in model.stream([asked]):
        added = chunk if added is None else added + chunk
    called: Any = model.invoke([asked])
    assert called.tool_calls[0]["args"] == added.tool_calls[0]["args"] == {"city": "Paris"}, called.tool_calls
    result = ToolMessage(weather.invoke(called.tool_calls[0]["args"]), tool_call_id=called.tool_calls[0]["id"])
    assert model.invoke([asked, called, result]).content == "It says sunny in Paris."


def shaped() -> None:
    model = ChatOpenAI(model=checks.CALLER, **SETTINGS)
    for method in ("json_schema", "function_calling"):
        place: Any = model.with_structured_output(Place, method=method).invoke("Where is it?")
        assert place == Place(city="Paris", people=42), place


def refused() -> None:
    asked: Any = {**SPOKEN, "audio": {"voice": "nobody", "format": "wav"}}
    model = ChatOpenAI(model=checks.MODEL, model_kwargs=asked, **SETTINGS)
    error = checks.raised(BadRequestError, lambda: model.invoke("Hello"))
    assert error.param == "audio.voice", error.body


turns()
streams()
tools()
shaped()
refused()
