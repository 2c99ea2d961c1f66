"""`vivavoce bench`: how many conversations a server carries, ours or anybody's."""

import asyncio
import sys
import tempfile
from collections.abc import Generator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

import vivavoce
from vivavoce import config as configuration
from vivavoce.catalogue import files
from vivavoce.cli.anybody import (
    UNUSABLE,
    ChatOption,
    JsonOption,
    KeyOption,
    TheirVoiceOption,
    TranscriptionOption,
    wav_of,
)
from vivavoce.cli.common import INTERRUPTED, ConfigOption, check_file, choose, choose_voice, fail, plain_errors, settle
from vivavoce.cli.terminal import STDOUT, Progress, harmless
from vivavoce.core.audio import SPOKEN_RATE
from vivavoce.core.engines import Speaking
from vivavoce.core.processes import cores
from vivavoce.core.streams import once

if TYPE_CHECKING:
    from vivavoce.benchmark.climbing import Climb, Plan
    from vivavoce.config import Config, ModelConfig
    from vivavoce.conform.examine import Wanted
    from vivavoce.conform.sound import Sound

SvgOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Draw the first audio over conversations; - is standard output, which then has nothing else.",
    ),
]


def bench(  # noqa: PLR0913, PLR0917 - a command's options
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="URL", help="Where the server is, with or without /v1; else one of this configuration is started."
        ),
    ] = None,
    key: KeyOption = None,
    model: ChatOption = None,
    transcription_model: TranscriptionOption = None,
    voice: TheirVoiceOption = "alloy",
    recording: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A WAV of one channel of 16 bits to ask, instead of our own voice; may be repeated.",
        ),
    ] = None,
    limit_ms: Annotated[
        float, typer.Option(metavar="MS", min=1, help="Of the first audio, which 19 of 20 turns have to keep.")
    ] = 1500,
    most: Annotated[int, typer.Option(min=1, max=1024, help="Conversations at once.")] = 64,
    turns: Annotated[int, typer.Option(min=4, help="Of each step, at least.")] = 20,
    pause: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="To think, between an answer and the next question.")
    ] = 1.0,
    wait: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="The longest wait for one answer.")] = 60,
    json: JsonOption = None,
    svg: SvgOption = None,
    config: ConfigOption = None,
) -> None:
    """Hold 1, 2, 4, 8, … conversations at once until the first audio takes too long, and say how many are carried.

    A conversation is four turns, written and spoken, each listened to to its end. How long a transcript takes is
    measured by itself, after the conversations of each step. Ctrl-C ends it with what is known. Exits with 2 if the
    server cannot be asked.
    """
    from vivavoce.benchmark.climbing import Plan  # noqa: PLC0415 - help is quick
    from vivavoce.conform.examine import Unusable, Wanted  # noqa: PLC0415

    with plain_errors():
        _check(json, svg)
        try:
            sounds = [wav_of(path) for path in recording or []] or _spoken(config)
            plan = Plan(limit_ms / 1000, most, turns, pause)
            with _served(url, key, config) as (at, its_key):
                wanted = Wanted(at, its_key, model, hearing=transcription_model, voice=voice)
                climb, whole = _climb(wanted, sounds, plan, wait, own=url is None)
        except Unusable as error:
            typer.echo(f"vivavoce: {harmless(str(error))}", err=True)
            raise typer.Exit(UNUSABLE) from None
        if climb is not None:
            _tell(climb, json, svg)
        if not whole:
            raise typer.Exit(INTERRUPTED)


def _check(json: str | None, svg: str | None) -> None:
    """Whether both can be written, before anything is measured."""
    if json == svg == STDOUT:
        fail("--json and --svg: only one of them can be standard output")
    for place in (json, svg):
        if place is not None and place != STDOUT:
            check_file(Path(place))


def _climb(
    wanted: "Wanted", sounds: "list[Sound]", plan: "Plan", wait_s: float, *, own: bool
) -> "tuple[Climb | None, bool]":
    """What was measured, and whether it came to its end."""
    from vivavoce.benchmark.climbing import Climb  # noqa: PLC0415 - help is quick
    from vivavoce.benchmark.machine import here  # noqa: PLC0415
    from vivavoce.benchmark.questions import Questions  # noqa: PLC0415
    from vivavoce.benchmark.reaching import reached  # noqa: PLC0415

    climbs: list[Climb] = []
    machine = here(cores())

    async def run() -> None:
        with Progress("looking for the server…") as progress:
            async with reached(wanted, wait_s) as (base, asked, processes):
                climbs.append(Climb(base, asked, Questions(sounds), plan, processes, progress.now, machine, own))
                await climbs[0].run()

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        return (climbs[0] if climbs else None), False
    return climbs[0], True


def _spoken(config: Path | None) -> "list[Sound]":
    """The questions in our own voice; what speaks is stopped again before anything is timed."""
    settled = settle(config, None, thinks=False)
    _, settings = choose(settled, None, speaks=True)
    with Progress("speaking the questions…"):
        return asyncio.run(_speak(settled, settings))


async def _speak(config: "Config", settings: "ModelConfig") -> "list[Sound]":
    from vivavoce import assembly, starting  # noqa: PLC0415 - help is quick
    from vivavoce.benchmark.questions import ALL  # noqa: PLC0415
    from vivavoce.conform.sound import Sound  # noqa: PLC0415

    async with starting.start_engines(config, settings.engines("speak")) as running:
        speaker = assembly.speaker(settings, running.engines)
        how = Speaking(choose_voice(None, assembly.voices(settings, running.engines)), live=False)
        spoken: list[Sound] = []
        for question in ALL:
            async with aclosing(speaker.speak(once(question), how)) as sounds:
                spoken.append(Sound(b"".join([sound.pcm.data async for sound in sounds]), SPOKEN_RATE))
        return spoken


@contextmanager
def _served(url: str | None, key: str | None, config: Path | None) -> Generator[tuple[str, str | None], None, None]:
    """The server's address and its key: the one at `url`, or one of our configuration, started for this alone."""
    if url is not None:
        yield url, key
        return
    from vivavoce.testing.serving import serving  # noqa: PLC0415 - help is quick

    keys = settle(config, None).server.keys  # fetches the embedded model where it is needed and missing
    found = configuration.find(config)
    named = ["--config", str(found.absolute())] if found else []
    with tempfile.TemporaryDirectory(prefix="vivavoce-bench-") as home:
        files.folder().mkdir(parents=True, exist_ok=True)
        Path(home, "weights").symlink_to(files.folder().absolute())
        try:
            with serving(Path(home), "--host", "127.0.0.1", *named, folder=Path.cwd()) as server:
                yield server.url, keys[0] if keys else None
        except RuntimeError as error:
            fail(str(error))


def _tell(climb: "Climb", json: str | None, svg: str | None) -> None:
    """Write what is wanted where it is wanted; the table, where standard output is for nothing else."""
    from vivavoce.benchmark.picture import picture  # noqa: PLC0415 - help is quick
    from vivavoce.benchmark.report import as_json  # noqa: PLC0415

    files = [(svg, picture(climb))] if svg else []
    files += [(json, as_json(climb, vivavoce.__version__) + "\n")] if json else []
    for place, text in files:
        if place == STDOUT:
            typer.echo(text, nl=False)
        else:
            Path(place).write_text(text, encoding="utf-8")
    if STDOUT not in (json, svg):
        _show(climb)


def _show(climb: "Climb") -> None:
    """A table for a person; in a pipe a line a step, parted by tabs. Then what has to be known, and one sentence."""
    from vivavoce.benchmark.report import COLUMNS, LEGEND, remarks, rows, sentence  # noqa: PLC0415 - help is quick

    if sys.stdout.isatty():
        from rich.box import SIMPLE  # noqa: PLC0415 - only where it is shown
        from rich.console import Console  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415

        table = Table(*COLUMNS, box=SIMPLE)
        for row in rows(climb):
            table.add_row(*row)
        Console().print(table)
    else:
        for row in [list(COLUMNS), *rows(climb)]:
            typer.echo("\t".join(row))
    typer.echo(LEGEND)
    for remark in remarks(climb):
        typer.echo(f"- {harmless(remark)}")
    typer.echo(harmless(sentence(climb)))
