"""Failover connections, private links, VPC peerings and private endpoints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    _make_failover_connections()
    op.create_table(
        "private_links",
        *_of_a_group(),
        sa.Column("target", sa.JSON, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("deleted", sa.Float),
    )
    op.create_table(
        "vpc_peerings",
        *_of_a_group(),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("region", sa.String, nullable=False),
        sa.Column("requester_account_id", sa.String, nullable=False),
        sa.Column("requester_vpc_id", sa.String, nullable=False),
        sa.Column("requester_cidr", sa.String, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("accepted", sa.Float),
        sa.Column("rejected", sa.Float),
        sa.Column("deleted", sa.Float),
    )
    _make_private_endpoints()


def _serial() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("serial", kind, primary_key=True, autoincrement=True)


def _of_a_group() -> tuple[sa.Column[int], sa.Column[str], sa.Column[str]]:
    group = sa.ForeignKey("groups.id", ondelete="CASCADE")
    return (
        _serial(),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("group_id", sa.String, group, nullable=False, index=True),
    )


def _make_failover_connections() -> None:
    connection = sa.ForeignKey("connections.id", ondelete="CASCADE")
    op.create_table(
        "failover_connections",
        _serial(),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("connection_id", sa.String, connection, nullable=False, index=True),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )


def _make_private_endpoints() -> None:
    op.create_table(
        "private_endpoints",
        _serial(),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("group_id", sa.String, sa.ForeignKey("groups.id", ondelete="CASCADE"), nullable=False),
        sa.Column("region", sa.String, nullable=False),
        sa.Column("customer_dns_name", sa.String, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("deleted", sa.Float),
        sa.UniqueConstraint("group_id", "id"),
    )
