"""The audit log and the operational log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "audit_records",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("group_id", sa.String),
        sa.Column("workspace", sa.String),
        sa.Column("processor", sa.String),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("hash", sa.String, nullable=False),
        sa.Index(None, "group_id", "workspace", "at"),
    )
    op.create_table(
        "audit_head",
        _serial(),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    workspace = sa.ForeignKey("workspaces.id", ondelete="CASCADE")
    op.create_table(
        "operational_log",
        _serial(),
        sa.Column("workspace_id", sa.String, workspace, nullable=False),
        sa.Column("processor", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("entry", sa.Text, nullable=False),
        sa.Index(None, "workspace_id", "at"),
    )


def _serial() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("serial", kind, primary_key=True, autoincrement=True)
