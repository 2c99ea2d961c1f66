"""`vivavoce ask`: one turn, without a server."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from vivavoce.cli.common import (
    ConfigOption,
    ModelOption,
    ThinkOption,
    VoiceOption,
    choose,
    choose_voice,
    fail,
    plain_errors,
    settle,
)
from vivavoce.cli.terminal import STDIN, STDOUT, Progress, aside, harmless, words_of
from vivavoce.config import Config
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.turn import AudioDelta, InputTranscript, Message, Speech, Text, TextDelta, Turn, TurnDone, TurnEvent

if TYPE_CHECKING:
    from vivavoce.starting import Running

REPLY = "reply.wav"


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and how it is to be answered."""

    model: str
    text: str
    recording: tuple[str, bytes] | None
    """Its name and its bytes."""
    voice: str | None
    out: str | None
    """Where the spoken answer goes; None: it is not spoken."""


def ask(  # noqa: PLR0913, PLR0917 - a command's options
    text: Annotated[str | None, typer.Argument(help="What to ask; - reads it from standard input.")] = None,
    audio: Annotated[str | None, typer.Option(metavar="FILE", help="A recording to ask; - is standard input.")] = None,
    voice: VoiceOption = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Speak the answer and save it: .wav, .mp3, .flac, .opus, .aac or .pcm; - is WAV on standard output, "
            f"instead of the text. With --voice alone: {REPLY}.",
        ),
    ] = None,
    think: ThinkOption = None,
    model: ModelOption = None,
    config: ConfigOption = None,
) -> None:
    """Ask once, in text, in speech or both, without a server; the answer's text is printed as it comes."""
    with plain_errors():
        from vivavoce.cli import recordings  # noqa: PLC0415 - help is quick

        if text is None and audio is None:
            fail('nothing to ask: vivavoce ask "Hello", or --audio FILE')
        if text == STDIN and audio == STDIN:
            fail("the text and the recording cannot both come from standard input")
        out = REPLY if out is None and voice is not None else out
        if out is not None:
            recordings.format_of(out)
            recordings.check_place(out)
        words = words_of(text or "")
        recording = (audio, recordings.load(audio)) if audio is not None else None
        if not words and recording is None:
            fail("the question is empty")
        settled, name = _settled(settle(config, think), model, hears=recording is not None, speaks=out is not None)
        asyncio.run(_ask(settled, Question(name, words, recording, voice, out)))


def _settled(config: Config, model: str | None, *, hears: bool, speaks: bool) -> tuple[Config, str]:
    """The configuration with the one model that answers, and only the engines that this turn needs."""
    name, settings = choose(config, model, hears=hears, speaks=speaks, answers=True)
    hear, speak = (settings.hear if hears else None), (settings.speak if speaks else None)
    needed = msgspec.structs.replace(settings, hear=hear, speak=speak, aliases=[])
    return msgspec.structs.replace(config, models={name: needed}), name


async def _ask(config: Config, question: Question) -> None:
    from vivavoce import starting  # noqa: PLC0415 - help is quick
    from vivavoce.cli import recordings  # noqa: PLC0415

    with Progress("starting the engines…") as progress:
        async with starting.start(config) as running:
            turn = await _turn(question, running)
            progress.now("listening…" if question.recording else "thinking…")
            answer = Answer(progress, shown=question.out != STDOUT)
            responder = running.models[question.model].responder
            if responder is None:
                fail(f"{question.model} does not answer; it only hears or speaks")
            await responder.respond(turn, answer.take)
            answer.end()
            if question.out is not None:
                form = recordings.format_of(question.out)
                data = await running.sounds.encode(Pcm(bytes(answer.sound), SPOKEN_RATE), form)
                recordings.save(question.out, data)
                if question.out != STDOUT:
                    aside(f"saved: {question.out}")


async def _turn(question: Question, running: "Running") -> Turn:
    from vivavoce.cli import recordings  # noqa: PLC0415 - help is quick

    parts: list[Text | Speech] = [Text(question.text)] if question.text else []
    voice = None
    if question.out is not None:
        voice = choose_voice(question.voice, running.models[question.model].card.voices)
    if question.recording is not None:
        pcm = await recordings.decode(*question.recording, running.sounds)
        parts.append(Speech(pcm, seconds=pcm.seconds))
    return Turn((Message("user", tuple(parts)),), voice=voice)


class Answer:
    """Prints an answer's text as it comes, and keeps its sound."""

    def __init__(self, progress: Progress, *, shown: bool) -> None:
        self._progress = progress
        self._shown = shown
        self._text = ""
        self.sound = bytearray()

    async def take(self, event: TurnEvent) -> None:
        """Take one event of the turn."""
        if isinstance(event, InputTranscript):
            aside(f"heard: {event.text or '(nothing)'}")
            self._progress.now("thinking…")
        elif isinstance(event, TextDelta):
            self._progress.end()
            self._text += event.text
            if self._shown:
                typer.echo(harmless(event.text), nl=False)
        elif isinstance(event, AudioDelta):
            self.sound += event.pcm.data
        elif isinstance(event, TurnDone) and event.reason == "length":
            aside("\n(cut: the answer reached its longest)")

    def end(self) -> None:
        """End the line."""
        self._progress.end()
        if self._shown:
            typer.echo()
        else:
            aside(self._text)
