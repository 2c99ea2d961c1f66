"""`vivavoce doctor`: what is here, what serves which role, what would make it better."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from vivavoce import config as configuration
from vivavoce.cli import health
from vivavoce.cli.common import ConfigOption, ThinkOption, plain_errors, settle
from vivavoce.cli.health import Line
from vivavoce.cli.models import describe
from vivavoce.cli.terminal import Progress, harmless
from vivavoce.config import Config, ConfigError, Role
from vivavoce.core.errors import PublicError
from vivavoce.engines.child import EngineMissing

if TYPE_CHECKING:
    from vivavoce.cli.looking import Found

ANSWER_S = 10.0
"""How long an engine elsewhere may take to answer once."""
DOES: dict[Role, str] = {"respond": "answers by itself", "hear": "hears", "think": "thinks"}
COLOURS = {"ok": "green", "tip": "yellow", "no": "red"}


def doctor(
    think: ThinkOption = None,
    config: ConfigOption = None,
    look: Annotated[
        list[int] | None,
        typer.Option(
            metavar="PORT",
            min=1,
            max=65535,
            help="Look here on this machine for another brain, rather than at the usual ports of Ollama (11434), "
            "llama.cpp (8080), vLLM (8000) and LM Studio (1234); may be repeated.",
        ),
    ] = None,
) -> None:
    """Say what is installed, what serves which role and what would make it better; exits with 1 if it cannot serve."""
    with plain_errors():
        worst = "ok"
        for line in _lines(think, config, look):
            typer.echo(f"{typer.style(f'{line.mark:<4}', COLOURS[line.mark])} {line.what:<16} {harmless(line.said)}")
            worst = "no" if line.mark == "no" else worst
    if worst == "no":
        raise typer.Exit(1)


def _lines(think: str | None, path: ConfigOption, look: list[int] | None) -> Iterator[Line]:
    from vivavoce.cli import looking  # noqa: PLC0415 - help is quick

    yield from health.installed()
    try:
        config = settle(path, think, thinks=False)
        found = configuration.find(path)
    except ConfigError as error:
        yield from (Line("no", "config", said) for said in error.said)
        return
    yield health.weights(config)
    yield Line("ok", "config", str(found or "none: the embedded default"))
    yield from _engines(config)
    yield health.data(config)
    ports = look or list(looking.USUAL)
    servers = asyncio.run(looking.look([*ports, *([config.server.port] if config.server.port else [])]))
    yield health.port(config, ours=any(each.ours and each.port == config.server.port for each in servers))
    yield from _brains([each for each in servers if each.port in ports])


def _engines(config: Config) -> Iterator[Line]:
    """Start every engine and have it answer once; what it is and what would be better."""
    from vivavoce import assembly  # noqa: PLC0415 - help is quick

    named = assembly.engines_named(config)
    missing = health.weights(config).mark == "no"
    tried = {name for name in named if not (missing and config.engines[name].use == "llama")}
    with Progress("starting the engines…"):
        notes, failures = asyncio.run(_try_each(config, tried))
    for failure in failures:
        yield Line("no", "engines", failure)
    for name, roles in _roles(config).items():
        yield Line("ok" if name in notes else "no", ", ".join(roles), describe(config, name))
        if notes.get(name):
            yield Line("tip", ", ".join(roles), f"{name}: {notes[name]}")


async def _try_each(config: Config, names: set[str]) -> tuple[dict[str, str], list[str]]:
    """What those that answer say of themselves, and why others cannot be started."""
    try:
        return await _try(config, names), []
    except EngineMissing as error:
        if len(names) == 1:
            return {}, [str(error)]
    notes: dict[str, str] = {}
    failures: list[str] = []
    for name in sorted(names):  # one of them keeps the others from starting: each alone
        found, why = await _try_each(config, {name})
        notes |= found
        failures += why
    return notes, failures


async def _try(config: Config, names: set[str]) -> dict[str, str]:
    from vivavoce import starting, warming  # noqa: PLC0415 - help is quick

    async with starting.start_engines(config, names) as running:
        answering: dict[str, str] = {}
        for name, engine in running.engines.items():
            # A process of ours has answered once by now; an engine elsewhere is asked here.
            with suppress(PublicError, TimeoutError):
                if engine.pool is None:
                    async with asyncio.timeout(ANSWER_S):
                        await warming.warm(engine)
                answering[name] = engine.card.note
        return answering


def _roles(config: Config) -> dict[str, list[str]]:
    """What each engine does; the language where several speak."""
    roles: dict[str, dict[str, None]] = {}
    for model in config.models.values():
        played = [(name, said) for role, said in DOES.items() for name in model.engines(role)]
        for language, names in model.speakers().items():
            said = "speaks" if language == "default" else f"speaks {language}"
            played += [(name, said) for name in names]
        for name, said in played:
            roles.setdefault(name, {})[said] = None
    return {name: list(played) for name, played in roles.items()}


def _brains(servers: "list[Found]") -> Iterator[Line]:
    from vivavoce.cli.looking import USUAL  # noqa: PLC0415 - help is quick

    others = [each for each in servers if not each.ours]
    for each in others:
        where = f"at localhost:{each.port} ({USUAL.get(each.port, 'an OpenAI-compatible server')})"
        if each.locked:
            yield Line("tip", "brain", f"one {where} wants a key: VIVAVOCE_THINK_KEY=… vivavoce serve {each.flag}")
        elif each.models:
            yield Line("tip", "brain", f"one answers {where}: vivavoce serve {each.flag}")
        else:
            yield Line("tip", "brain", f"one answers {where}, but has no model yet")
    if not others:
        yield Line("tip", "brain", "no other one on this machine; any OpenAI-compatible server: --think URL#MODEL")
