"""`vivavoce models`: the names clients may use, and what is behind each."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from vivavoce.cli.common import ConfigOption, ThinkOption, plain_errors, settle
from vivavoce.cli.pull import used_by
from vivavoce.cli.terminal import Progress, aside, harmless
from vivavoce.config import Config, ModelConfig, Role

NOTHING = "-"
VOICED: tuple[Role, ...] = ("speak", "respond")


def models(
    voices: Annotated[bool, typer.Option("--voices", help="The voices too, which means starting what speaks.")] = False,
    pulled: Annotated[
        bool, typer.Option("--pulled", help="What was pulled instead: names, sizes, licences, and what uses each.")
    ] = False,
    think: ThinkOption = None,
    config: ConfigOption = None,
) -> None:
    """List the models: names, then what hears, thinks and speaks. In a pipe a line a name, parted by tabs."""
    with plain_errors():
        if pulled:
            _show_pulled(config)
            return
        settled = settle(config, think, thinks=False)
        known = asyncio.run(_voices(settled)) if voices else None
        rows = {name: _row(settled, name, known) for name in settled.models}
        if sys.stdout.isatty():
            _show(settled, rows)
            return
        for name, cells in rows.items():
            for alias in (name, *settled.models[name].aliases):
                typer.echo("\t".join([alias, *cells]))


def describe(config: Config, engine: str) -> str:
    """An engine in a few words, as far as the configuration tells."""
    settings = config.engines[engine]
    details: list[str] = []
    if model := str(settings.options.get("model", "")):
        details.append(Path(model).stem if model.endswith(".gguf") else model)
    if address := urlsplit(str(settings.options.get("base_url", ""))).netloc:
        details.append(f"at {address.rpartition('@')[2]}")
    return harmless(" ".join([f"{engine}: {settings.use}", *details]))


def speaks(config: Config, model: ModelConfig) -> list[str]:
    """What speaks for a model; with its language where there are several."""
    by_language = isinstance(model.speak, dict)
    return [
        _either(config, names) + (f" ({language})" if by_language else "")
        for language, names in model.speakers().items()
    ]


def _either(config: Config, names: list[str]) -> str:
    """Engines of which the next stands in for the one before."""
    return ", else ".join(describe(config, name) for name in names) or NOTHING


def _row(config: Config, name: str, voices: dict[str, tuple[str, ...]] | None) -> list[str]:
    model = config.models[name]
    thinks = _either(config, [*model.engines("respond"), *model.engines("think")])
    cells = [_either(config, model.engines("hear")), thinks, ", ".join(speaks(config, model)) or NOTHING]
    return cells if voices is None else [*cells, ", ".join(voices[name]) or NOTHING]


async def _voices(config: Config) -> dict[str, tuple[str, ...]]:
    from vivavoce import assembly, starting  # noqa: PLC0415 - help is quick

    names = {name for model in config.models.values() for role in VOICED for name in model.engines(role)}
    with Progress("starting the engines…"):
        async with starting.start_engines(config, names) as running:
            return {name: assembly.voices(model, running.engines) for name, model in config.models.items()}


def _show_pulled(path: Path | None) -> None:
    from vivavoce.catalogue import files, pulled  # noqa: PLC0415 - help is quick

    used = used_by(path)
    for each in pulled.everything():
        engines = sorted({engine for name in each.names for engine in used.get(name, [])})
        cells = [each.short, files.in_units(each.bytes), each.licence or NOTHING, ", ".join(engines) or NOTHING]
        if sys.stdout.isatty():
            typer.echo(harmless(f"{cells[0]:<40} {cells[1]:>9}  {cells[2]:<14} {cells[3]}"))
        else:
            typer.echo(harmless("\t".join([*cells, str(each.opened)])))
    aside(f"kept in {files.folder()}")


def _show(config: Config, rows: dict[str, list[str]]) -> None:
    from rich.box import SIMPLE  # noqa: PLC0415 - only where it is shown
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=SIMPLE)
    table.add_column("model", no_wrap=True)
    for heading in ("hears", "thinks", "speaks"):
        table.add_column(heading, overflow="fold")
    for name, (hears, thinks, said_by, *_) in rows.items():
        names = Text("\n".join([name, *config.models[name].aliases]))
        table.add_row(names, Text(hears), Text(thinks), Text(said_by.replace(", ", "\n")))
    Console().print(table)
    for name, (*_, last) in ((name, cells) for name, cells in rows.items() if len(cells) > 3):
        typer.echo(f"Voices of {name}: {last}")
