"""The revision of what servers remember of the database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table and its only row."""
    table = op.create_table(
        "revision",
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(table, [{"one": 1, "number": 0}])
