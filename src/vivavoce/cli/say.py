"""`vivavoce say`: text to speech, without a server."""

import asyncio
import re
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from vivavoce.cli.common import (
    ConfigOption,
    ModelOption,
    VoiceOption,
    choose,
    choose_voice,
    fail,
    plain_errors,
    settle,
)
from vivavoce.cli.terminal import STDOUT, Progress, aside, words_of
from vivavoce.config import Config, ModelConfig
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.engines import Speaking
from vivavoce.core.streams import once

if TYPE_CHECKING:
    from vivavoce.starting import Running


def say(  # noqa: PLR0913, PLR0917 - a command's options
    text: Annotated[str, typer.Argument(help="What to say; - reads it from standard input.")],
    out: Annotated[
        str,
        typer.Option(
            metavar="FILE", help="Where to save it: .wav, .mp3, .flac, .opus, .aac or .pcm; - is standard output."
        ),
    ],
    voice: VoiceOption = None,
    language: Annotated[
        str | None, typer.Option(metavar="CODE", help="Of the text, such as de; else told from its script.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.25, max=4.0, help="1 is the voice's own.")] = 1.0,
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="wav, mp3, flac, opus, aac or pcm, whatever the file is called."),
    ] = None,
    model: ModelOption = None,
    config: ConfigOption = None,
) -> None:
    """Say a text and save it. PCM on standard output (24 kHz, mono, 16 bit) comes as it is spoken."""
    with plain_errors():
        from vivavoce.cli import recordings  # noqa: PLC0415 - help is quick

        chosen = recordings.format_of(out, form)
        recordings.check_place(out)
        if language is not None and not re.fullmatch(r"[A-Za-z]{2,3}", language):
            fail(f"--language {language}: not a code; it looks like de")
        words = words_of(text)
        if not words:
            fail("there is nothing to say")
        settled = settle(config, None, thinks=False)
        _, settings = choose(settled, model, speaks=True)
        how = Speaking(voice or "", language.lower() if language else None, speed, live=False)
        asyncio.run(_say(settled, settings, words, how, (out, chosen)))


async def _say(config: Config, settings: ModelConfig, words: str, how: Speaking, out: tuple[str, str]) -> None:
    from vivavoce import assembly, starting  # noqa: PLC0415 - help is quick
    from vivavoce.cli import recordings  # noqa: PLC0415

    place, form = out
    live = place == STDOUT and form == "pcm16"
    with Progress("starting the engines…") as progress:
        async with starting.start_engines(config, settings.engines("speak")) as running:
            voice = choose_voice(how.voice or None, assembly.voices(settings, running.engines))
            how = Speaking(voice, _language(how.language, running), how.speed, live=False)
            progress.now("speaking…")
            said = bytearray()
            async with aclosing(assembly.speaker(settings, running.engines).speak(once(words), how)) as sounds:
                async for sound in sounds:
                    said += sound.pcm.data
                    if live:
                        recordings.save(place, sound.pcm.data)
            if not said:
                fail("there is nothing to say in that text")
            if not live:
                recordings.save(place, await running.sounds.encode(Pcm(bytes(said), SPOKEN_RATE), form))
    if place != STDOUT:
        aside(f"saved: {place}")


def _language(code: str | None, running: "Running") -> str | None:
    """The language asked for, if any engine that was started speaks it."""
    cards = [engine.card for engine in running.engines.values()]
    known = sorted({language for card in cards for language in card.languages})
    if code is not None and all(card.languages for card in cards) and code not in known:
        fail(f"no voice speaks '{code}'; languages: {', '.join(known)}")
    return code
