"""The ledger: one row for each request, written once, never changed and never deleted. It holds no word of anybody's.

Money is in whole millionths of a millionth of a dollar (`account.prices.UNIT`), sound in milliseconds: every sum is
exact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    and_,
    func,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from vivavoce.store.database import Database, tables
from vivavoce.store.inserting import Inserting
from vivavoce.store.together import Together

Status: TypeAlias = Literal["completed", "cancelled", "failed", "refused"]
"""`cancelled`: the client left before the end; `failed`: we did; `refused`: it was wrong, or there was no place."""

PART = 1_000_000
"""Costs are summed in two parts: whole millions of their unit, and the rest. Neither outgrows 64 bits."""

ledger = Table(
    "ledger",
    tables,
    Column("number", Integer, primary_key=True),
    Column("request", String(64), nullable=False, unique=True),
    Column("at", Integer, nullable=False, index=True),
    Column("project", String(64), nullable=False),
    Column("key", String(64)),
    Column("kind", String(16), nullable=False),
    Column("model", String, nullable=False),
    Column("alias", String, nullable=False),
    Column("batch", String(64)),
    Column("text_in", Integer, nullable=False),
    Column("audio_in", Integer, nullable=False),
    Column("cached", Integer, nullable=False),
    Column("text_out", Integer, nullable=False),
    Column("audio_out", Integer, nullable=False),
    Column("reasoning", Integer, nullable=False),
    Column("characters", Integer, nullable=False),
    Column("heard_ms", Integer, nullable=False),
    Column("said_ms", Integer, nullable=False),
    Column("price", String, nullable=False),
    Column("cost_in", BigInteger, nullable=False),
    Column("cost_out", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("http", Integer, nullable=False),
    Column("first_audio_ms", Integer),
    Column("took_ms", Integer, nullable=False),
    Index("ledger_of_a_key", "key", "at"),
)
"""Triggers refuse to change or delete a row; the revision that makes the table makes them."""

SUMMED = ("text_in", "audio_in", "cached", "text_out", "audio_out", "reasoning", "characters", "heard_ms", "said_ms")
GROUPS: dict[str, ColumnElement[Any]] = {
    **{name: ledger.c[name] for name in ("project", "key", "kind", "model", "alias", "batch", "status")},
    "batched": ledger.c.batch.is_not(None),
}
"""What rows may be grouped by."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row."""

    request: str
    """The request's id; a second row of the same one is not written."""
    at: int
    """When it was made: Unix seconds."""
    project: str
    key: str | None
    kind: str
    """What was asked for: chat, speech, transcription, translation."""
    model: str
    """The model's dated name; empty where the request names none of ours."""
    alias: str
    """What the request called it."""
    text_in: int
    audio_in: int
    cached: int
    """Of `text_in`."""
    text_out: int
    audio_out: int
    reasoning: int
    """Of `text_out`. All in tokens."""
    price: str
    """See `account.prices.written`."""
    cost_in: int
    cost_out: int
    status: Status
    http: int
    """The status of the answer; 0: there was none."""
    took_ms: int
    first_audio_ms: int | None = None
    """Until the first sound of the answer."""
    characters: int = 0
    """Read aloud; of speech only."""
    heard_ms: int = 0
    said_ms: int = 0
    batch: str | None = None


ENTRIES = Inserting(insert(ledger).on_conflict_do_nothing(), [column.name for column in fields(Entry)])


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are summed up, and by what."""

    since: int = 0
    """Unix seconds, inclusive."""
    until: int | None = None
    """Exclusive."""
    width_s: int | None = None
    """How long each stretch of time is, counted from 1970; None: there is one."""
    by: Sequence[str] = ()
    """Of `GROUPS`."""
    only: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Of `GROUPS`, with the values they may have."""
    batch: bool | None = None
    """Whether only batches' requests are wanted, or only others."""


@dataclass(frozen=True, slots=True)
class Sum:
    """Rows, summed up."""

    start: int
    """When the stretch of time begins: Unix seconds; 0 where there is one."""
    group: dict[str, Any]
    """What they have in common."""
    requests: int
    """Those that were not refused."""
    refused: int
    text_in: int
    audio_in: int
    cached: int
    text_out: int
    audio_out: int
    reasoning: int
    characters: int
    heard_ms: int
    said_ms: int
    cost_in: int
    cost_out: int


class Ledger:
    """Writes rows, and adds them up."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = Together(database, append)

    @property
    def writable(self) -> bool:
        """Whether rows can be written, as far as is known."""
        return self._database.writable

    async def append(self, entry: Entry) -> None:
        """Write a row; it is on disk when this returns. Whoever stops waiting has it written all the same."""
        await self._rows.add(entry)

    async def sums(self, wanted: Wanted) -> list[Sum]:
        """Sums of rows, by time and then by group."""
        return summed(wanted, await self._database.read(statement(wanted)))


def append(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write rows within a transaction; one that is there already stays as it is."""
    ENTRIES.write(connection, entries)


def statement(wanted: Wanted) -> Select[Any]:
    """What a database is asked; `summed` reads its answer."""
    start = ledger.c.at - ledger.c.at % wanted.width_s if wanted.width_s else ledger.c.at * 0
    groups = [GROUPS[name] for name in wanted.by]
    refused = ledger.c.status == "refused"
    costs = [column for name in ("cost_in", "cost_out") for column in _in_two_parts(ledger.c[name])]
    sums = [func.sum(ledger.c[name]) for name in SUMMED]
    counts = [func.count().filter(~refused), func.count().filter(refused)]
    found = select(start, *groups, *counts, *sums, *costs).where(_which(wanted)).group_by(start, *groups)
    return found.order_by(start, *groups)


def summed(wanted: Wanted, rows: Sequence[Row[Any]]) -> list[Sum]:
    """The sums in what a database answers."""
    found: list[Sum] = []
    for row in rows:
        start, *rest = row
        group = dict(zip(wanted.by, rest, strict=False))
        *numbers, in_whole, in_rest, out_whole, out_rest = rest[len(group) :]
        sums = dict(zip(("requests", "refused", *SUMMED), numbers, strict=True))
        if sums["requests"] or sums["refused"]:
            costs = {"cost_in": in_whole * PART + in_rest, "cost_out": out_whole * PART + out_rest}
            found.append(Sum(start, group, **sums, **costs))
    return found


def _in_two_parts(cost: Column[Any]) -> list[ColumnElement[int]]:
    return [func.sum(cost // PART), func.sum(cost % PART)]


def _which(wanted: Wanted) -> ColumnElement[bool]:
    which = ledger.c.at >= wanted.since
    if wanted.until is not None:
        which = and_(which, ledger.c.at < wanted.until)
    if wanted.batch is not None:
        which = and_(which, ledger.c.batch.is_not(None) if wanted.batch else ledger.c.batch.is_(None))
    for name, values in wanted.only.items():
        which = and_(which, ledger.c[name].in_(values))
    return which
