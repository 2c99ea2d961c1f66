"""`vivavoce conform URL`: what of this API a server keeps to, ours or anybody's."""

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import vivavoce
from vivavoce.cli.anybody import (
    UNUSABLE,
    ChatOption,
    JsonOption,
    KeyOption,
    TheirVoiceOption,
    TranscriptionOption,
    wav_of,
)
from vivavoce.cli.common import check_file, plain_errors
from vivavoce.cli.terminal import STDOUT, Progress, harmless

if TYPE_CHECKING:
    from vivavoce.conform.check import Group, Outcome
    from vivavoce.conform.examine import Wanted
    from vivavoce.conform.subject import Subject

COLOURS = {"must": "red", "should": "yellow", "may": "dim"}


def conform(  # noqa: PLR0913, PLR0917 - a command's options
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the server is, with or without /v1.")],
    key: KeyOption = None,
    model: ChatOption = None,
    speech_model: Annotated[str | None, typer.Option(metavar="NAME", help="The model that reads aloud.")] = None,
    transcription_model: TranscriptionOption = None,
    voice: TheirVoiceOption = "alloy",
    audio: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A WAV of one channel of 16 bits to send instead of the enclosed question."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="GROUP", help="Check this group alone; may be repeated.")
    ] = None,
    json: JsonOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="What should hold counts for the exit status too.")] = False,
    limit: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="The longest wait for one answer.")] = 60,
    total: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="The longest that all of it may take.")] = 1200,
) -> None:
    """Check what of this API a server keeps to: ours, a peer's or a cloud's, in some 170 short requests.

    Exits with 0 if everything holds that clients rely on, with 1 if not, with 2 if the server cannot be asked.
    """
    from vivavoce.conform import examine  # noqa: PLC0415 - help is quick
    from vivavoce.conform.report import as_json, holds  # noqa: PLC0415
    from vivavoce.conform.subject import Limits  # noqa: PLC0415

    with plain_errors():
        if json is not None and json != STDOUT:
            check_file(Path(json))
        try:
            groups = examine.groups_named(only or [])
            sound = wav_of(audio) if audio is not None else None
            limits = Limits(limit, total)
            wanted = examine.Wanted(url, key, model, speech_model, transcription_model, voice, sound, limits)
            began = time.monotonic()
            subject, outcomes = asyncio.run(_examine(wanted, groups))
        except examine.Unusable as error:
            typer.echo(f"vivavoce: {harmless(str(error))}", err=True)
            raise typer.Exit(UNUSABLE) from None
        report = as_json(subject, outcomes, vivavoce.__version__) + "\n"
        if json == STDOUT:
            typer.echo(report, nl=False)
        else:
            if json is not None:
                Path(json).write_text(report, encoding="utf-8")
            _show(subject, outcomes, time.monotonic() - began)
    if not holds(outcomes, strict=strict):
        raise typer.Exit(1)


async def _examine(wanted: "Wanted", groups: "list[Group]") -> "tuple[Subject, list[Outcome]]":
    from vivavoce.conform import examine  # noqa: PLC0415 - help is quick

    with Progress("looking for the server…") as progress:
        async with examine.reach(wanted) as subject:
            outcomes = await examine.examine(subject, groups, lambda check: progress.now(f"{check.name}…"))
            return subject, outcomes


def _show(subject: "Subject", outcomes: "list[Outcome]", took_s: float) -> None:
    """A table for a person; in a pipe a line a check, parted by tabs."""
    if not sys.stdout.isatty():
        for each in outcomes:
            typer.echo("\t".join([each.check.name, each.check.weight, each.result, harmless(each.why)]))
        return
    from rich.box import SIMPLE  # noqa: PLC0415 - only where it is shown
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from vivavoce.conform.report import counted  # noqa: PLC0415

    table = Table(box=SIMPLE)
    table.add_column("check", no_wrap=True)
    table.add_column("")
    table.add_column("", no_wrap=True)
    table.add_column("expected; what came", overflow="fold")
    for each in outcomes:
        colour = {"holds": "green", "skipped": "dim"}.get(each.result) or COLOURS[each.check.weight]
        why = f"\n{harmless(each.why)}" if each.why else ""
        result = Text(each.result, style=colour)
        table.add_row(each.check.name, each.check.weight, result, Text(f"{each.check.told}{why}"))
    Console().print(table)
    sums = [
        f"{weight}: {count['holds']} of {count['holds'] + count['fails']} hold"
        for weight, count in counted(outcomes).items()
    ]
    skipped = sum(each.result == "skipped" for each in outcomes)
    typer.echo(
        f"{'; '.join(sums)}; {skipped} skipped. {subject.requests} requests in {took_s:.0f} s, to {subject.names.chat}."
    )
