"""`vivavoce usage` reads what a server that runs has written, and adds it up exactly."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import SCRIPTED, Run
from tests.cli.test_terminal import watch
from tests.support.entries import entry
from vivavoce.account.prices import UNIT
from vivavoce.cli.usage import BAR, bar
from vivavoce.store import clock
from vivavoce.store.database import Database
from vivavoce.store.ledger import Ledger

DAY_S = 86_400
STYLE = re.compile(r"\x1b\[[0-9;]*m")
MINI = "gpt-4o-mini-audio-preview-2024-12-17"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "home" / "data")
    yield opened
    await opened.close()


@pytest.fixture
async def books(database: Database) -> Ledger:
    """Rows of today and of two days before, with the server's lock on them."""
    now = int(clock.now())
    ledger = Ledger(database)
    for number, (days, key, cost) in enumerate(
        [(0, "key-a", "0.25"), (0, "key-b", "0.000000000001"), (2, "key-a", "1")]
    ):
        units = int(Decimal(cost) / UNIT)
        more = {"text_in": 10**number, "audio_out": 20, "heard_ms": 1500, "said_ms": 61_000, "cost_out": units}
        await ledger.append(entry(number, at=now - days * DAY_S, key=key, model=MINI, **more))
    await ledger.append(entry(9, at=now - 40 * DAY_S, status="refused", http=400))
    return ledger


def lines(text: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.usefixtures("books")
def test_it_is_added_up_while_a_server_runs(run: Run) -> None:
    ran = run("usage", "--by", "key,model", "--csv")
    assert (ran.code, ran.err) == (0, "")
    first, second = lines(ran.text)
    assert first == {
        "key": "key-a",
        "model": MINI,
        "requests": "2",
        "text_in": "101",
        "audio_in": "0",
        "text_out": "0",
        "audio_out": "40",
        "heard_s": "3.0",
        "said_s": "122.0",
        "usd": "1.25",
    }
    assert second["usd"] == "0.000000000001"


@pytest.mark.usefixtures("books")
def test_json_has_the_same_and_days_are_days(run: Run) -> None:
    found = json.loads(run("usage", "--json").text)
    assert [line["usd"] for line in found] == ["1", "0.250000000001"]
    assert [line["requests"] for line in found] == [1, 2]
    assert all(line["day"][4] == "-" for line in found)
    assert len(json.loads(run("usage", "--days", "0", "--json").text)) == 3


@pytest.mark.usefixtures("books")
def test_a_pipe_gets_lines_parted_by_tabs_of_what_was_wanted_only(run: Run) -> None:
    ran = run("usage", "--by", "key", "--only", "key=key-b", "--only", f"model={MINI}")
    assert ran.text == "key-b\t1\t10\t0\t0\t20\t1.5\t61.0\t0.000000000001\n"
    assert run("usage", "--by", "endpoint,status", "--days", "0").text.splitlines()[1].startswith("chat\trefused\t1\t")
    assert run("usage", "--only", "key=nobody").text == ""


@pytest.mark.usefixtures("books")
def test_a_terminal_gets_a_table_with_a_chart_and_the_days_between(tmp_path: Path) -> None:
    code, seen = watch(tmp_path, "usage", VIVAVOCE_HOME=str(tmp_path / "home"))
    assert code == 0
    rows = [line.split() for line in seen.splitlines() if line.strip().startswith("20")]
    assert [row[1] for row in rows] == ["1", "0", "2"]
    assert [row[-1].count("█") for row in rows] == [BAR, 0, BAR // 4]
    plain = STYLE.sub("", seen)
    total = next(line.split() for line in plain.splitlines() if line.split()[:1] == ["all"])
    assert (total[1], total[-1]) == ("3", "1.2500")


def test_what_cannot_be_shown_is_told_in_a_line(run: Run) -> None:
    for arguments, told in (
        (["--by", "colour"], "--by colour: expected any of day, key, project, model, endpoint, status, batch"),
        (["--only", "day=today"], "--only day=today: expected WHAT=NAME"),
        (["--only", "key"], "--only key: expected WHAT=NAME"),
        ([], "no server has kept anything here yet"),
    ):
        ran = run("usage", *arguments)
        assert ran.code == 1
        assert told in ran.err
        assert len(ran.err.splitlines()) == 1


def test_bars_are_as_long_as_their_part() -> None:
    assert bar(0, 0) == bar(Decimal(0), Decimal(5)) == ""
    assert bar(Decimal(5), Decimal(5)) == "█" * BAR
    assert bar(Decimal("0.0001"), Decimal(5)) == "▏"
    assert bar(1, 2) == "█" * (BAR // 2)
    assert bar(3, 16) == "████▌"


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize("columns", ["60", "80", "100", "200"])
def test_the_day_and_what_it_cost_are_seen_however_narrow_it_is(tmp_path: Path, columns: str) -> None:
    (tmp_path / "vivavoce.toml").write_text(SCRIPTED)
    code, seen = watch(tmp_path, "usage", VIVAVOCE_HOME=str(tmp_path / "home"), COLUMNS=columns)
    assert code == 0
    rows = [re.findall(r"\d{4}-\d\d-\d\d|\d+\.\d{4}", STYLE.sub("", line)) for line in seen.splitlines()]
    assert [row[1] for row in rows if len(row) == 2] == ["1.0000", "0.0000", "0.2500"]


def test_two_forms_at_once_are_refused(run: Run) -> None:
    assert run("usage", "--csv", "--json").code == 1


def test_more_days_than_there_are_is_told_in_a_line(run: Run) -> None:
    ran = run("usage", "--days", "999999999999")
    assert (ran.code, ran.out) == (2, b"")
    assert "Invalid value for '--days'" in ran.err
    assert len(ran.err.splitlines()) == 1
