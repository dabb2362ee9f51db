"""Rollouts of connections."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "rollouts",
        _serial(),
        sa.Column("id", sa.String, nullable=False, unique=True),
        _parent("workspace_id", "workspaces.id"),
        sa.Column("connection", sa.String, nullable=False),
        sa.Column("before", sa.Integer, nullable=False),
        sa.Column("after", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False, index=True),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("ended", sa.Float),
        sa.Column("error", sa.Text),
    )
    op.create_table(
        "rollout_steps",
        _serial(),
        _parent("rollout_id", "rollouts.id"),
        sa.Column("processor_id", sa.String, nullable=False, index=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("generation", sa.BigInteger),
        sa.Column("pause", sa.Float),
        sa.Column("checkpoint", sa.LargeBinary),
        sa.UniqueConstraint("rollout_id", "processor_id"),
    )


def _serial() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("serial", kind, primary_key=True, autoincrement=True)


def _parent(column: str, target: str) -> sa.Column[str]:
    return sa.Column(column, sa.String, sa.ForeignKey(target, ondelete="CASCADE"), nullable=False)
