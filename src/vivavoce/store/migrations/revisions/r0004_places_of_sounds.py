"""Where the sound of a spoken answer is; until now each had a file of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Say it of every answer."""
    op.add_column("answers", sa.Column("file", sa.String, nullable=False, server_default=""))
    op.add_column("answers", sa.Column("start", sa.Integer, nullable=False, server_default="0"))
    op.add_column("answers", sa.Column("size", sa.Integer, nullable=False, server_default="0"))
    stem = "substr(id, length('audio_') + 1)"
    path = f"substr({stem}, 1, 2) || '/' || {stem} || '.pcm'"
    op.execute(f"UPDATE answers SET file = {path}, size = 2 * CAST(round(seconds * 24000) AS INTEGER)")  # noqa: S608
    op.drop_index("ix_answers_expires_at", "answers")
    op.create_index("answers_by_age", "answers", ["expires_at", "file"])
