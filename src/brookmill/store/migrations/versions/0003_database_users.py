"""Database users, who log in with the MongoDB protocol; and when a processor was last modified, by whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table and the columns."""
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "database_users",
        sa.Column("serial", kind, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column(
            "group_id",
            sa.String,
            sa.ForeignKey("groups.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("roles", sa.JSON, nullable=False),
        sa.Column("workspaces", sa.JSON, nullable=False),
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.add_column("processors", sa.Column("modified", sa.Float))
    op.add_column("processors", sa.Column("modified_by", sa.String))
    op.add_column("processors", sa.Column("pipeline_version", sa.Integer, nullable=False, server_default="0"))
