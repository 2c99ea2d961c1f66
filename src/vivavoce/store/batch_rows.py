"""The tables of batches: one row for each, and one for each of its lines."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
)

from vivavoce.store.database import tables

BatchStatus: TypeAlias = Literal[
    "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"
]
Ending: TypeAlias = Literal["completed", "expired", "cancelled"]
ENDED: tuple[BatchStatus, ...] = ("failed", "completed", "expired", "cancelled")
WORKED_ON: tuple[BatchStatus, ...] = ("in_progress", "cancelling")
"""While it is in one of these, what became of a line is taken."""
WAITING: tuple[BatchStatus, ...] = ("in_progress", "finalizing", "cancelling")
"""While it is in one of these, its prompts count as waiting."""

AT_ONCE = 1000
"""Lines written in one transaction: others wait for it."""

batches = Table(
    "batches",
    tables,
    Column("number", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("project", String(64), nullable=False),
    Column("key", String(64)),
    Column("endpoint", String(64), nullable=False),
    Column("input_file", String(64), nullable=False),
    Column("kept_s", Integer),
    Column("metadata", JSON(none_as_null=True)),
    Column("status", String(16), nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Column("model", String),
    Column("counted", String),
    Column("errors", JSON(none_as_null=True)),
    Column("total", Integer, nullable=False, default=0),
    Column("completed", Integer, nullable=False, default=0),
    Column("failed", Integer, nullable=False, default=0),
    Column("tokens", BigInteger, nullable=False, default=0),
    Column("tokens_in", BigInteger, nullable=False, default=0),
    Column("cached", BigInteger, nullable=False, default=0),
    Column("tokens_out", BigInteger, nullable=False, default=0),
    Column("reasoning", BigInteger, nullable=False, default=0),
    Column("in_progress_at", Integer),
    Column("finalizing_at", Integer),
    Column("completed_at", Integer),
    Column("failed_at", Integer),
    Column("expired_at", Integer),
    Column("cancelling_at", Integer),
    Column("cancelled_at", Integer),
    Column("output_file", String(64)),
    Column("error_file", String(64)),
    Column("ending", String(16)),
    Column("output_bytes", BigInteger, nullable=False, default=0),
    Column("error_bytes", BigInteger, nullable=False, default=0),
    Index("batches_in_order", "project", "created_at", "number"),
    Index("batches_by_status", "status", "number"),
)
lines = Table(
    "batch_lines",
    tables,
    Column("batch", Integer, ForeignKey(batches.c.number), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("custom_id", String, nullable=False),
    Column("offset", Integer, nullable=False),
    Column("length", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("done", Boolean, nullable=False, default=False),
    Column("fence", Integer, nullable=False, default=0),
    Column("worker", String(64)),
    Column("lease_until", Float),
    Index("batch_lines_open", "batch", "done", "number"),
)
"""A line that has a worker is leased; one that has none may still have to wait until `lease_until`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is known of a batch. Times are Unix seconds."""

    id: str
    project: str
    key: str | None
    """The id of the key it came with."""
    endpoint: str
    input_file: str
    kept_s: int | None
    """How long what comes of it is kept; None: as long as any file."""
    metadata: dict[str, str] | None
    status: BatchStatus
    created_at: int
    expires_at: int
    model: str | None = None
    """The dated name; None: not yet known."""
    counted: str | None = None
    """The name it is counted by."""
    errors: list[dict[str, Any]] | None = None
    """Why it failed."""
    total: int = 0
    """Lines."""
    completed: int = 0
    failed: int = 0
    tokens: int = 0
    """Of all prompts together, about."""
    tokens_in: int = 0
    cached: int = 0
    """Of `tokens_in`."""
    tokens_out: int = 0
    reasoning: int = 0
    """Of `tokens_out`."""
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    output_file: str | None = None
    error_file: str | None = None
    ending: Ending | None = None
    """What it comes to, once that is certain."""

    @property
    def ended(self) -> bool:
        """Whether nothing changes any more."""
        return self.status in ENDED


TOLD = [batches.c[name] for name in Batch.__dataclass_fields__]
"""In the order of `Batch`."""


def batch(row: Row[Any]) -> Batch:
    """A row of `TOLD`."""
    return Batch(*row)
