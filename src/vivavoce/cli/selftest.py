"""`vivavoce selftest`: does it hear what it says, how soon does it speak, does it call a tool and answer."""

import asyncio
import platform
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

import vivavoce
from vivavoce.cli.common import ConfigOption, ModelOption, ThinkOption, check_file, choose, plain_errors, settle
from vivavoce.cli.models import describe
from vivavoce.cli.terminal import STDOUT, Progress, aside, harmless
from vivavoce.config import ROLES, Config, ModelConfig

MARKS = {True: "ok", False: "no", None: "-"}


def selftest(
    language: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE", help="A language to try, such as de, rather than the configured; may be repeated."
        ),
    ] = None,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Save what was found, to share; - prints it instead.")
    ] = None,
    model: ModelOption = None,
    think: ThinkOption = None,
    config: ConfigOption = None,
) -> None:
    """Try a model: say and hear, first audio, a tool call, an answer in each language; exits with 1 if one fails."""
    with plain_errors():
        if json_file is not None and json_file != STDOUT:
            check_file(Path(json_file))
        settled = settle(config, think)
        name, settings = choose(settled, model)
        if not run(settled, name, settings, language or spoken(settings), json_file):
            raise typer.Exit(1)


def run(config: Config, name: str, settings: ModelConfig, languages: list[str], json_file: str | None = None) -> bool:
    """Try a model and show what was found; whether all of it went well."""
    found = asyncio.run(_try(config, name, settings, languages))
    report = _report(config, name, settings, found)
    if json_file == STDOUT:
        typer.echo(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        _show(found)
        if json_file is not None:
            Path(json_file).write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
            aside(f"saved: {json_file}")
    return all(each.ok is not False for each in found)


def spoken(settings: ModelConfig) -> list[str]:
    """The languages a model is configured for."""
    return list(dict.fromkeys([settings.language, *(each for each in settings.speakers() if each != "default")]))


async def _try(config: Config, name: str, settings: ModelConfig, languages: list[str]) -> list[Any]:
    from vivavoce import starting  # noqa: PLC0415 - help is quick
    from vivavoce.cli.trials import Trials  # noqa: PLC0415

    alone = msgspec.structs.replace(config, models={name: settings})
    with Progress("starting the engines…") as progress:
        async with starting.start(alone) as running:
            return await Trials(running, name, settings, languages).run(lambda what: progress.now(f"trying: {what}…"))


def _report(config: Config, name: str, settings: ModelConfig, found: list[Any]) -> dict[str, Any]:
    from vivavoce.catalogue import machine  # noqa: PLC0415 - help is quick

    return {
        "vivavoce": vivavoce.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "machine": machine.look(),
        "model": name,
        "engines": {
            role: [describe(config, engine) for engine in settings.engines(role)]
            for role in ROLES
            if settings.engines(role)
        },
        "ok": all(each.ok is not False for each in found),
        "found": found,
    }


def _show(found: list[Any]) -> None:
    """A line a trial; in a pipe parted by tabs."""
    for each in found:
        cells = [MARKS[each.ok], each.what, each.language or "-", harmless(each.said)]
        if sys.stdout.isatty():
            typer.echo(f"{cells[0]:<4} {cells[1]:<14} {cells[2]:<4} {cells[3]}")
        else:
            typer.echo("\t".join(cells))
