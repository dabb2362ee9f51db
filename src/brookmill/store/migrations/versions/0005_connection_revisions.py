"""Revisions of connections, and answers to writes that may be repeated."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables; the store itself makes the first revisions, as it has the keys."""
    op.add_column("connections", sa.Column("revision", sa.Integer, nullable=False, server_default="0"))
    workspace = sa.ForeignKey("workspaces.id", ondelete="CASCADE")
    op.create_table(
        "connection_revisions",
        _serial(),
        sa.Column("workspace_id", sa.String, workspace, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("connection_id", sa.String, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("restored", sa.Integer),
        sa.Column("author", sa.JSON, nullable=False),
        *_sealed(),
        sa.UniqueConstraint("workspace_id", "name", "number"),
    )
    op.create_table(
        "replies",
        _serial(),
        sa.Column("principal_id", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("request", sa.String, nullable=False),
        sa.Column("created", sa.Float, nullable=False, index=True),
        *_sealed(),
        sa.UniqueConstraint("principal_id", "key"),
    )


def _serial() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("serial", kind, primary_key=True, autoincrement=True)


def _sealed() -> tuple[sa.Column[str], sa.Column[bytes]]:
    return sa.Column("key_id", sa.String, nullable=False), sa.Column("sealed", sa.LargeBinary, nullable=False)
