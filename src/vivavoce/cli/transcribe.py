"""`vivavoce transcribe`: speech to text, without a server."""

import asyncio
from contextlib import aclosing
from typing import Annotated, Any

import msgspec
import typer

from vivavoce.cli.common import ConfigOption, ModelOption, choose, fail, plain_errors, settle
from vivavoce.cli.terminal import Progress, aside, harmless
from vivavoce.config import Config, ModelConfig
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Transcript, Word
from vivavoce.core.streams import once

LONGEST_S = 3600.0


def transcribe(
    file: Annotated[str, typer.Argument(help="The recording; - is standard input.")],
    words: Annotated[bool, typer.Option("--words", help="A line a word: start, end (seconds) and word.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object: text, language, duration, words.")] = False,
    model: ModelOption = None,
    config: ConfigOption = None,
) -> None:
    """Print what is said in a recording."""
    with plain_errors():
        from vivavoce.cli import recordings  # noqa: PLC0415 - help is quick

        if words and as_json:
            fail("--words and --json exclude each other: the JSON has the words")
        data = recordings.load(file)
        settled = settle(config, None, thinks=False)
        settled.limits.audio_seconds = max(settled.limits.audio_seconds, LONGEST_S)
        _, settings = choose(settled, model, hears=True)
        pcm, heard = asyncio.run(_hear(settled, settings, (file, data), words=words or as_json))
        if as_json:
            typer.echo(msgspec.json.encode(_shown(pcm, heard)).decode())
        elif words:
            _print_words([word for transcript in heard for word in transcript.words], _text(heard))
        else:
            typer.echo(harmless(_text(heard)))
        if not _text(heard):
            aside("(nothing was heard)")


async def _hear(
    config: Config, settings: ModelConfig, recording: tuple[str, bytes], *, words: bool
) -> tuple[Pcm, list[Transcript]]:
    from vivavoce import assembly, starting  # noqa: PLC0415 - help is quick
    from vivavoce.cli import recordings  # noqa: PLC0415

    with Progress("starting the engines…") as progress:
        async with starting.start_engines(config, settings.engines("hear")) as running:
            pcm = await recordings.decode(*recording, running.sounds)
            progress.now("listening…")
            stream = assembly.hearer(settings, running.engines).transcribe(once(pcm), Hearing(words=words))
            async with aclosing(stream) as heard:
                return pcm, [transcript async for transcript in heard if transcript.final]


def _text(heard: list[Transcript]) -> str:
    return " ".join(transcript.text for transcript in heard if transcript.text)


def _print_words(words: list[Word], text: str) -> None:
    if text and not words:
        fail("this engine does not time its words")
    for word in words:
        typer.echo(f"{word.start_s:.2f}\t{word.end_s:.2f}\t{harmless(word.text)}")


def _shown(pcm: Pcm, heard: list[Transcript]) -> dict[str, Any]:
    words = [word for transcript in heard for word in transcript.words]
    return {
        "text": _text(heard),
        "language": next((transcript.language for transcript in heard if transcript.language), None),
        "duration": round(pcm.seconds, 3),
        "words": [
            {"word": word.text, "start": round(word.start_s, 3), "end": round(word.end_s, 3)}
            | ({} if word.confidence is None else {"confidence": round(word.confidence, 3)})
            for word in words
        ],
    }
