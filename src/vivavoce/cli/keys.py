"""`vivavoce keys`: make, list, put anew and revoke the keys of this machine's server, whether or not it runs."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from vivavoce import config as configuration
from vivavoce.cli.common import ConfigOption, agreed, fail, plain_errors, unstarted, whole
from vivavoce.cli.terminal import aside, fitting, harmless
from vivavoce.quotas import tier_names
from vivavoce.wire.keys import PROJECT

if TYPE_CHECKING:
    from vivavoce.account.keys import KeyRing, Made
    from vivavoce.config import Config
    from vivavoce.store.keys import Key

T = TypeVar("T")

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_D = 36_600
NOTHING = "-"
DEFAULT = "default"
HEADINGS: tuple[str, ...] = ("id", "key", "name", "project", "tier", "models", "made", "expires", "used", "state")

BRIEF: tuple[str, ...] = ("id", "name", "project", "state")

keys = typer.Typer(name="keys", help="Make and revoke the keys that programs call with.", no_args_is_help=True)


Name = Annotated[str, typer.Argument(metavar="NAME", help="What the key is for, to know it again.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="As `vivavoce keys list` shows it: key_…")]


@keys.command()
def create(  # noqa: PLR0913, PLR0917 - an option each
    name: Name,
    project: Annotated[
        str, typer.Option(metavar="NAME", help="What one project stores does not exist for another.")
    ] = DEFAULT,
    tier: Annotated[str | None, typer.Option(metavar="NAME", help="The tier whose limits it has.")] = None,
    model: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A model it may use; again for more. Else all.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="After what time it ends: 90d, 12h. Else never.")
    ] = None,
    admin: Annotated[
        bool,
        typer.Option(
            "--admin", help="A key for `/organization/` (keys, usage, costs) and `/metrics`, and nothing else."
        ),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Make a key and print it, this once. With the first one the server lets nobody in without."""
    with plain_errors():
        from vivavoce.account.keys import Wish  # noqa: PLC0415 - help is quick

        if admin and (tier or model or project != DEFAULT):
            fail("--admin: such a key is for no project, tier or model")
        settled = whole(_config(config))
        _check(name, project, tier, model or [], settled)
        time_s = None if expires is None else _seconds(expires)
        wish = Wish(name, None, lifetime_s=time_s) if admin else Wish(name, project, tier, model or None, time_s)
        _tell(_with(settled, lambda ring: ring.create(wish)))


@keys.command(name="list")
def show(
    project: Annotated[str | None, typer.Option(metavar="NAME", help="Of this project alone.")] = None,
    ended: Annotated[bool, typer.Option("--all", help="Those too that were revoked.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    config: ConfigOption = None,
) -> None:
    """List the keys, without the keys themselves. In a pipe a line a key, parted by tabs."""
    with plain_errors():
        found = _with(_config(config), lambda ring: ring.all(ended=ended))
        listed = [key for key in found if project in (None, key.project)]
        if as_json:
            typer.echo(json.dumps([asdict(key) for key in listed], indent=2))
        elif sys.stdout.isatty():
            _table(listed)
        else:
            for key in listed:
                typer.echo(harmless("\t".join(_cells(key))))


@keys.command()
def revoke(
    key_id: KeyId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = None,
) -> None:
    """End a key. A server that runs refuses it within 5 seconds; what is under way is finished."""
    with plain_errors():
        settled = _config(config)
        key = _with(settled, lambda ring: _named(ring, key_id))
        agreed(f"Revoke {key.id} ({harmless(key.name)})?", yes=yes)
        if not _with(settled, lambda ring: ring.revoke(key.id)):
            fail(f"{key.id} has ended already")
        aside(f"revoked: {key.id} ({key.name})")


@keys.command()
def rotate(
    key_id: KeyId,
    grace: Annotated[str, typer.Option(metavar="TIME", help="How long the old one is good besides: 1h, 7d.")] = "0s",
    config: ConfigOption = None,
) -> None:
    """Put another key in the place of one, for the same project, and print it, this once."""
    with plain_errors():
        settled, grace_s = _config(config), _seconds(grace)
        key = _with(settled, lambda ring: _named(ring, key_id))
        made = _with(settled, lambda ring: ring.rotate(key.id, grace_s))
        if made is None:
            fail(f"{key.id} has ended, or will before that; vivavoce keys create makes a new one")
        _tell(made)


def _seconds(text: str) -> int:
    found = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if found is None or int(found[1]) * UNITS_S[found[2]] > LONGEST_D * UNITS_S["d"]:
        fail(f"'{harmless(text)}' is no time such as 90d, 12h, 30m or 0s")
    return int(found[1]) * UNITS_S[found[2]]


def _with(settled: "Config", work: "Callable[[KeyRing], Awaitable[T]]") -> T:
    """What comes of some work on the keys. A server that runs has the same ones."""

    async def run() -> T:
        async with _ring(settled) as ring:
            return await work(ring)

    return asyncio.run(run())


@asynccontextmanager
async def _ring(settled: "Config") -> "AsyncGenerator[KeyRing, None]":
    from vivavoce.account.keys import KeyRing  # noqa: PLC0415 - help is quick
    from vivavoce.store.database import Database  # noqa: PLC0415

    folder = configuration.data_folder(settled.store)
    database = await Database.open(folder, beside=True)
    try:
        yield await KeyRing.open(database, folder)
    finally:
        await database.close()


async def _named(ring: "KeyRing", key_id: str) -> "Key":
    found = next((key for key in await ring.all(ended=True) if key.id == key_id), None)
    if found is None:
        which = key_id if key_id.startswith("key_") else "of that id"  # it may be a key by mistake: that is not said
        fail(f"there is no key {harmless(which)}; vivavoce keys list shows their ids")
    return found


def _config(path: "ConfigOption") -> "Config":
    return unstarted(path)


def _check(name: str, project: str, tier: str | None, models: list[str], settled: "Config") -> None:
    """Refuse what no route would take either."""
    if not 0 < len(name) <= 128:
        fail("the name of a key has 1 to 128 characters")
    if not PROJECT.fullmatch(project):
        fail(f"'{harmless(project)}' is no project's name: 1 to 64 letters, digits and any of ._-")
    tiers = tier_names(settled.tiers)
    if tier is not None and tier not in tiers:
        fail(f"there is no tier '{harmless(tier)}'; there are {', '.join(tiers)}")
    known = [each for first, model in settled.models.items() for each in (first, *model.aliases)]
    for model in models:
        if model not in known:
            fail(f"there is no model '{harmless(model)}'; vivavoce models lists them")


def _tell(made: "Made") -> None:
    aside(f"{made.key.id}: keep the key well, it is not told again")
    typer.echo(made.value)


def _cells(key: "Key") -> list[str]:
    now = datetime.now(UTC).timestamp()
    state = "revoked" if key.revoked(now) else "expired" if key.expired(now) else "good"
    if state == "good" and key.revoked_at is not None:
        state = f"until {_day(key.ends_at)}"
    return [
        key.id,
        key.shown,
        key.name,
        key.project or "(admin)",
        key.tier or NOTHING,
        ",".join(key.models or []) or NOTHING,
        _day(key.created_at),
        _day(key.expires_at),
        _day(key.last_used_at),
        state,
    ]


def _day(at: int | None) -> str:
    return NOTHING if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


def _table(listed: "list[Key]") -> None:
    from rich.box import SIMPLE  # noqa: PLC0415 - only where it is shown
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    def table(headings: tuple[str, ...]) -> Table:
        made = Table(box=SIMPLE)
        for heading in headings:
            made.add_column(heading, no_wrap=heading == "id", overflow="fold")
        for key in listed:
            cells = dict(zip(HEADINGS, _cells(key), strict=True))
            made.add_row(*(Text(harmless(cells[heading])) for heading in headings))
        return made

    console = Console()
    console.print(fitting(console, [table(HEADINGS), table(BRIEF)]))
