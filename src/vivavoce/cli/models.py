"""`vivavoce models`: the names clients may use, and what is behind each."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from vivavoce.cli.common import ConfigOption, ThinkOption, plain_errors, settle
from vivavoce.cli.terminal import Progress, harmless
from vivavoce.config import Config, ModelConfig

NOTHING = "-"


def models(
    voices: Annotated[bool, typer.Option("--voices", help="The voices too, which means starting what speaks.")] = False,
    think: ThinkOption = None,
    config: ConfigOption = None,
) -> None:
    """List the models: names, then what hears, thinks and speaks. In a pipe a line a name, parted by tabs."""
    with plain_errors():
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
    if isinstance(model.speak, dict):
        return [f"{describe(config, name)} ({language})" for language, name in model.speak.items()]
    return [describe(config, model.speak)] if model.speak else []


def _row(config: Config, name: str, voices: dict[str, tuple[str, ...]] | None) -> list[str]:
    model = config.models[name]
    hears = describe(config, model.hear) if model.hear else NOTHING
    thinks = describe(config, model.think) if model.think else NOTHING
    cells = [hears, thinks, ", ".join(speaks(config, model)) or NOTHING]
    return cells if voices is None else [*cells, ", ".join(voices[name]) or NOTHING]


async def _voices(config: Config) -> dict[str, tuple[str, ...]]:
    from vivavoce import assembly, main  # noqa: PLC0415 - help is quick

    names = {name for model in config.models.values() for name in assembly.speakers(model)}
    with Progress("starting the engines…"):
        async with main.start_engines(config, names) as running:
            return {name: assembly.voices(model, running.engines) for name, model in config.models.items()}


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
