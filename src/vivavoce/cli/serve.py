"""`vivavoce serve`: run the server."""

import asyncio
import gc
import logging
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from vivavoce import config as configuration
from vivavoce.cli.common import ConfigOption, ThinkOption, plain_errors, settle
from vivavoce.cli.terminal import is_log
from vivavoce.config import Config, StoreConfig
from vivavoce.core.lines import logged

if TYPE_CHECKING:
    from vivavoce.account.keys import KeyRing
    from vivavoce.main import Running


EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - where this machine finds what listens there
log = logging.getLogger("vivavoce")

NOBODY = "nobody, until vivavoce keys create makes a key"


def serve(
    config: ConfigOption = None,
    think: ThinkOption = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on; 127.0.0.1 by default.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port to listen on; 8000 by default, 0 for a free one.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Log only what goes wrong, and no requests.")] = False,
) -> None:
    """Serve the audio chat API."""
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    with plain_errors():
        found = configuration.find(config)
        settings = configuration.read(found)[0].log
    with logged(settings.format, "warning" if quiet else settings.level), plain_errors():

        def again() -> Config:
            return settle(found, think, serving=given)

        settled = again()
        better = _mention() if think is None and found is None else ""
        from vivavoce import main  # noqa: PLC0415 - help is quick

        admin: list[str] = []

        def announce(bound: int, running: "Running", ring: "KeyRing") -> None:
            _announce(settled, bound, running, ring, better)
            _tell_first(admin)
            keep_what_is_loaded()

        asyncio.run(main.serve(settled, announce, again, None if is_log(sys.stdout) else admin.append))


def keep_what_is_loaded() -> None:
    """Have garbage looked for in what comes from here on alone.

    What is loaded stays until the end. Now and then all of it would be looked through, for a tenth of a second in which
    nobody is answered.
    """
    gc.collect()
    gc.freeze()


def _mention() -> str:
    """At the first start of the embedded default, where somebody reads it and could follow it: what is better."""
    if configuration.data_folder(StoreConfig()).exists() or not sys.stdout.isatty() or not _has_network():
        return ""
    return "A far better ear, brain and voice for this machine: vivavoce pull natural"


def _has_network() -> bool:
    """Whether there is a way out of this machine; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(("192.0.2.1", 9))  # kept for documentation (RFC 5737), and nobody's
        except OSError:
            return False
    return True


def _announce(config: Config, port: int, running: "Running", ring: "KeyRing", better: str) -> None:
    from vivavoce import main  # noqa: PLC0415 - help is quick
    from vivavoce.engines import libflite  # noqa: PLC0415

    # What is read as JSON is not mixed with anything else.
    say: Callable[[str], None] = typer.echo if config.log.format == "text" else log.info
    host = f"[{config.server.host}]" if ":" in config.server.host else config.server.host
    say(f"Viva Voce listens on http://{host}:{port} ({_entry(config, ring)}).")
    say(f"To talk to it, open http://{EVERYWHERE.get(host, host)}:{port} in a browser.")
    say(f"Behind it: {main.about(running)}.")
    for engine in running.engines.values():
        if engine.card.note:
            say(f"  {engine.name}: {engine.card.note}")
    if "espeak" in {engine.use for engine in running.engines.values()} and not libflite.installed():
        say("  apt install flite: an English voice far easier to understand")
    if better:
        say(better)


def _entry(config: Config, ring: "KeyRing") -> str:
    """Who may come in."""
    from vivavoce.checking import LOOPBACK  # noqa: PLC0415 - help is quick

    if config.server.keys:
        return "keys from the configuration"
    if ring.used:
        return "keys that were made"
    return "any key, from this machine only" if config.server.host in LOOPBACK else NOBODY


def _tell_first(admin: list[str]) -> None:
    """The key that was made at the first start, once."""
    if admin:
        typer.echo(f"The admin key, told this once: {admin.pop()}")
        typer.echo("Keys for programs: vivavoce keys create NAME, or with the admin key under /v1/organization.")
