"""Batches, and their lines."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "batches",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("key", sa.String(64)),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("input_file", sa.String(64), nullable=False),
        sa.Column("kept_s", sa.Integer),
        sa.Column("metadata", sa.JSON),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.Integer, nullable=False),
        sa.Column("model", sa.String),
        sa.Column("counted", sa.String),
        sa.Column("errors", sa.JSON),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("total", "completed", "failed")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("tokens", "tokens_in", "cached")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("tokens_out", "reasoning")),
        *(sa.Column(f"{state}_at", sa.Integer) for state in ("in_progress", "finalizing", "completed", "failed")),
        *(sa.Column(f"{state}_at", sa.Integer) for state in ("expired", "cancelling", "cancelled")),
        sa.Column("output_file", sa.String(64)),
        sa.Column("error_file", sa.String(64)),
        sa.Column("ending", sa.String(16)),
        sa.Column("output_bytes", sa.BigInteger, nullable=False),
        sa.Column("error_bytes", sa.BigInteger, nullable=False),
    )
    op.create_index("batches_in_order", "batches", ["project", "created_at", "number"])
    op.create_index("batches_by_status", "batches", ["status", "number"])
    op.create_table(
        "batch_lines",
        sa.Column("batch", sa.Integer, sa.ForeignKey("batches.number"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("custom_id", sa.String, nullable=False),
        sa.Column("offset", sa.Integer, nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("tokens", sa.Integer, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("worker", sa.String(64)),
        sa.Column("lease_until", sa.Float),
    )
    op.create_index("batch_lines_open", "batch_lines", ["batch", "done", "number"])
