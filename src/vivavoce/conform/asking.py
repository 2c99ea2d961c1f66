"""What several groups ask for and look at, each from its own side."""

from typing import Any

from vivavoce.conform.answer import Events
from vivavoce.conform.seen import Seen, fail
from vivavoce.conform.sound import Sound, decoded, read_wav
from vivavoce.conform.subject import Subject, recorded

HELLO = "Say hello."
STORY = "Tell me a long story about a king."
Body = dict[str, Any]


async def takes_text(subject: Subject) -> bool:
    """Whether the model answers text with text; an audio model of the original's wants sound in or out."""
    answer = await subject.chat(messages=[{"role": "user", "content": HELLO}])
    if answer.status != 400:
        return True
    error = answer.refused()
    return (error["param"].value, error["code"].value) != ("model", "invalid_value")


async def user(subject: Subject, text: str) -> Body:
    """A message that may be answered in text."""
    if await subject.once(takes_text):
        return {"role": "user", "content": text}
    return {"role": "user", "content": [{"type": "text", "text": text}, recorded(subject.recordings.wav, "wav")]}


async def written(subject: Subject) -> Seen:
    """A whole answer in text."""
    return (await subject.chat(messages=[await user(subject, HELLO)])).json()


def aloud(subject: Subject, form: str = "wav", **more: Any) -> Body:
    """What asks for a spoken answer; streamed where it is told so."""
    messages = [{"role": "user", "content": HELLO}]
    audio = {"voice": subject.names.voice, "format": form}
    return {"messages": messages, "modalities": ["text", "audio"], "audio": audio} | more


async def spoken(subject: Subject, form: str = "wav") -> Seen:
    """A whole answer aloud."""
    return (await subject.chat(**aloud(subject, form))).json()


def choice(answer: Seen, index: int = 0) -> Seen:
    """One of the choices of a whole answer."""
    return answer["choices"].items(index + 1)[index]


def message(answer: Seen) -> Seen:
    """What the first choice says."""
    return choice(answer)["message"]


async def said(subject: Subject) -> Sound:
    """The sound of a whole answer aloud."""
    return read_wav(decoded(message(await subject.once(spoken))["audio"]["data"]))


class Chunks:
    """A streamed answer."""

    def __init__(self, events: Events) -> None:
        self.events = events
        self.all = events.json()

    def choices(self, index: int = 0) -> list[Seen]:
        """What the chunks add to one answer, in order. A chunk without choices adds nothing; one check tells of it."""
        found = [
            choice for chunk in self.all if (all_of := chunk.get("choices")) is not None for choice in all_of.items()
        ]
        return [choice for choice in found if choice["index"].whole() == index]

    def deltas(self, index: int = 0) -> list[Seen]:
        """The same without what is around it."""
        return [choice["delta"] for choice in self.choices(index)]

    def audio(self) -> list[Seen]:
        """What they add to the sound."""
        return [audio for delta in self.deltas() if (audio := delta.get("audio")) is not None]

    def pieces(self) -> list[Seen]:
        """The pieces of the sound itself."""
        return [data for audio in self.audio() if (data := audio.get("data")) is not None and data.value != ""]

    def reasons(self, index: int = 0) -> list[Seen]:
        """Why it ended."""
        return [reason for choice in self.choices(index) if (reason := choice.get("finish_reason")) is not None]

    def usage(self) -> Seen:
        """What it cost: the first usage there is."""
        found = [usage for chunk in self.all if (usage := chunk.get("usage")) is not None]
        if not found:
            fail("usage in a chunk", "none")
        return found[0]


async def streamed(subject: Subject, **body: Any) -> Chunks:
    """A stream of chunks."""
    options: Body = {"stream": True, "stream_options": {"include_usage": True}}
    return Chunks((await subject.chat(**options | body)).events())


async def written_stream(subject: Subject) -> Chunks:
    """An answer in text, streamed."""
    return await streamed(subject, messages=[await user(subject, HELLO)])


async def spoken_stream(subject: Subject) -> Chunks:
    """An answer aloud, streamed."""
    return await streamed(subject, **aloud(subject, "pcm16"))


def add_up(usage: Seen) -> None:
    """The parts of a usage sum to its totals."""
    for kind in ("prompt", "completion"):
        details = usage[f"{kind}_tokens_details"]
        kinds = ("audio_tokens", "text_tokens", "image_tokens", "reasoning_tokens")
        parts = [part.whole() for name in kinds if (part := details.get(name)) is not None]
        usage[f"{kind}_tokens"].near(sum(parts), 0)


def arguments(call: Seen, key: str = "function") -> Seen:
    """The arguments of a call, which are an object in JSON."""
    found = Seen.parsed(call[key]["arguments"].text(), "arguments")
    found.fields()
    return found
