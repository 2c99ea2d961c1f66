"""The tables that there were when revisions began. A database from before that has some of them; the rest is made."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make what is not there."""
    _kept_answers()
    _keys()
    _ledger()
    op.create_table(
        "buckets",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("mark", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "heard",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("words", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.Integer, nullable=False),
        if_not_exists=True,
    )
    op.create_index("heard_by_age", "heard", ["expires_at", "size"], if_not_exists=True)


def _kept_answers() -> None:
    op.create_table(
        "answers",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("transcript", sa.String, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("origin", sa.String(128)),
        sa.Column("expires_at", sa.Integer, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_answers_expires_at", "answers", ["expires_at"], if_not_exists=True)
    op.create_table(
        "replies",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", sa.String, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.Integer, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_replies_expires_at", "replies", ["expires_at"], if_not_exists=True)
    op.create_table(
        "completions",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("alias", sa.String, nullable=False),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("messages", sa.LargeBinary),
        sa.Column("audio_format", sa.String(16)),
        if_not_exists=True,
    )
    op.create_index("completions_in_order", "completions", ["project", "created", "number"], if_not_exists=True)


def _keys() -> None:
    op.create_table(
        "keys",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("shown", sa.String(64), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("project", sa.String(64)),
        sa.Column("tier", sa.String(64)),
        sa.Column("models", sa.JSON),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.Integer),
        sa.Column("revoked_at", sa.Integer),
        sa.Column("last_used_at", sa.Integer),
        if_not_exists=True,
    )
    op.create_index("keys_in_order", "keys", ["project", "number"], if_not_exists=True)


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("request", sa.String(64), nullable=False, unique=True),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("key", sa.String(64)),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("alias", sa.String, nullable=False),
        sa.Column("batch", sa.String(64)),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("text_in", "audio_in", "cached")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("text_out", "audio_out", "reasoning")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("characters", "heard_ms", "said_ms")),
        sa.Column("price", sa.String, nullable=False),
        sa.Column("cost_in", sa.BigInteger, nullable=False),
        sa.Column("cost_out", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("http", sa.Integer, nullable=False),
        sa.Column("first_audio_ms", sa.Integer),
        sa.Column("took_ms", sa.Integer, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_ledger_at", "ledger", ["at"], if_not_exists=True)
    op.create_index("ledger_of_a_key", "ledger", ["key", "at"], if_not_exists=True)
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER IF NOT EXISTS ledger_no_{verb} BEFORE {verb} ON ledger "
            "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
        )
