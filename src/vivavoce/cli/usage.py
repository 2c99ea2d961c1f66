"""`vivavoce usage`: what was used and what it cost, by key, model or day; also while a server runs."""

import csv
import json
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from vivavoce import config as configuration
from vivavoce.cli.common import ConfigOption, fail, plain_errors, unstarted
from vivavoce.cli.terminal import fitting, harmless

DAY_S = 86_400
LONGEST_D = 36_600
BY = {
    "day": None,
    "key": "key",
    "project": "project",
    "model": "model",
    "endpoint": "kind",
    "status": "status",
    "batch": "batch",
}
"""What usage may be shown by, and its name in the ledger."""
HEADINGS: dict[str, str] = {
    "requests": "requests",
    "text_in": "text in",
    "audio_in": "audio in",
    "text_out": "text out",
    "audio_out": "audio out",
}
COUNTS = tuple(HEADINGS)
BAR = 24
EIGHTHS = " ▏▎▍▌▋▊▉"
NOBODY = "-"


def usage(
    by: Annotated[
        str, typer.Option("--by", metavar="WHAT,…", help=f"One line for each: any of {', '.join(BY)}.")
    ] = "day",
    days: Annotated[
        int, typer.Option("--days", min=0, max=LONGEST_D, help="The last so many days, in UTC; 0: all.")
    ] = 30,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="WHAT=NAME", help="Nothing else; may come several times.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV, with headings.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON; USD are texts, exact to the last digit.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show what was used and what it cost. A server may run meanwhile. In a pipe a line each, parted by tabs."""
    if as_csv and as_json:
        fail("--csv or --json: not both")
    names = [name.strip() for name in by.split(",") if name.strip()]
    for name in names:
        if name not in BY:
            fail(f"--by {name}: expected any of {', '.join(BY)}")
    chosen: dict[str, list[str]] = {}
    for pair in only or []:
        name, _, value = pair.partition("=")
        column = BY.get(name)
        if column is None or not value:
            fail(f"--only {pair}: expected WHAT=NAME, with any of {', '.join(name for name in BY if BY[name])}")
        chosen.setdefault(column, []).append(value)
    with plain_errors():
        folder = configuration.data_folder(unstarted(config).store)
        found = _lines(folder, names, days, chosen)
        if as_json:
            typer.echo(json.dumps(found, indent=2))
        elif as_csv:
            writer = csv.DictWriter(sys.stdout, [*names, *_empty()], lineterminator="\n")
            writer.writeheader()
            writer.writerows(found)
        elif sys.stdout.isatty():
            _show(names, found if names != ["day"] else _every_day(found))
        else:
            for line in found:
                typer.echo(harmless("\t".join(str(cell) for cell in line.values())))


def _lines(folder: Path, by: Sequence[str], days: int, only: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Sums, each with what it is shown by."""
    from vivavoce.account.prices import plain, usd  # noqa: PLC0415 - help is quick
    from vivavoce.store.ledger import Wanted, ledger, statement, summed  # noqa: PLC0415
    from vivavoce.store.looking import looking  # noqa: PLC0415

    today = datetime.now(UTC).date()
    since = _start(today - timedelta(days - 1)) if days else 0
    groups = [column for column in (BY[name] for name in by) if column]
    wanted = Wanted(since, width_s=DAY_S if "day" in by else None, by=groups, only=only)
    with looking(folder, ledger) as look:
        sums = summed(wanted, look(statement(wanted)))
    lines: list[dict[str, Any]] = []
    for each in sums:
        shown = {name: each.group[column] or NOBODY if (column := BY[name]) else _day(each.start) for name in by}
        counts = {name: getattr(each, name) for name in COUNTS}
        counts["requests"] += each.refused
        seconds = {"heard_s": each.heard_ms / 1000, "said_s": each.said_ms / 1000}
        lines.append(shown | counts | seconds | {"usd": plain(usd(each.cost_in + each.cost_out))})
    return lines


def _empty() -> dict[str, Any]:
    """What a line says where nothing was used."""
    return dict.fromkeys(COUNTS, 0) | {"heard_s": 0.0, "said_s": 0.0, "usd": "0"}


def _every_day(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The days between the first and the last too."""
    known = {line["day"]: line for line in lines}
    if not known:
        return []
    first, last = date.fromisoformat(min(known)), date.fromisoformat(max(known))
    days = [(first + timedelta(number)).isoformat() for number in range((last - first).days + 1)]
    return [known.get(day, {"day": day} | _empty()) for day in days]


def _show(by: Sequence[str], lines: Sequence[dict[str, Any]]) -> None:
    from decimal import Decimal  # noqa: PLC0415 - only where it is shown

    from rich.box import SIMPLE  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    if not lines:
        typer.echo("Nothing was used.")
        return
    dollars = [Decimal(line["usd"]) for line in lines]
    drawn = dollars if any(dollars) else [Decimal(line["requests"]) for line in lines]
    totals = {name: sum(line[name] for line in lines) for name in (*COUNTS, "heard_s", "said_s")}

    def table(counts: Sequence[str], *, bars: bool) -> Table:
        made = Table(box=SIMPLE, show_footer=True)
        for name in by:
            made.add_column(name, "all" if name == by[0] else "", no_wrap=name == "day", overflow="fold")
        numbers = [(HEADINGS[name], str(totals[name])) for name in counts]
        numbers += [("heard", _time(totals["heard_s"])), ("said", _time(totals["said_s"]))]
        for heading, footer in [*numbers, ("USD", _short(sum(dollars, Decimal(0))))]:
            made.add_column(heading, footer, justify="right", no_wrap=True)
        made.add_column("", no_wrap=True)
        for line, spent, length in zip(lines, dollars, drawn, strict=True):
            cells = [*(str(line[name]) for name in (*by, *counts)), _time(line["heard_s"]), _time(line["said_s"])]
            made.add_row(*map(Text, map(harmless, cells)), _short(spent), bar(length, max(drawn)) if bars else "")
        return made

    console = Console()
    console.print(fitting(console, [table(COUNTS, bars=True), table(COUNTS[:1], bars=True), table((), bars=False)]))


def bar(part: Any, most: Any) -> str:
    """A bar of up to `BAR` characters, to an eighth of one; of what is more than nothing something is seen."""
    eighths = max(round(BAR * 8 * part / most), 1) if part else 0
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _short(dollars: Any) -> str:
    return f"{dollars:.4f}"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _start(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _day(start: int) -> str:
    return datetime.fromtimestamp(start, UTC).date().isoformat()
