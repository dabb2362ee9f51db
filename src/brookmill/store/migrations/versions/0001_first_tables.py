"""The tables of the first release; constraints get their names from the schema's naming convention."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _column(name: str, type: Any = sa.String, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, type, nullable=False, **options)


def _serial() -> sa.Column[Any]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("serial", kind, primary_key=True, autoincrement=True)


def _id() -> sa.Column[Any]:
    return _column("id", unique=True)


def _parent(name: str, target: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String, sa.ForeignKey(target, ondelete="CASCADE"), nullable=False)


def _sealed() -> tuple[sa.Column[Any], sa.Column[Any]]:
    return _column("key_id"), _column("sealed", sa.LargeBinary)


def upgrade() -> None:
    """Make all tables."""
    _containers()
    _streams()
    _credentials()
    _permissions()


def _containers() -> None:
    op.create_table(
        "sealing",
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        _column("key_id"),
    )
    op.create_table("organizations", _serial(), _id(), _column("name"), _column("created", sa.Float))
    op.create_table(
        "groups",
        _serial(),
        _id(),
        _parent("org_id", "organizations.id"),
        _column("name"),
        _column("created", sa.Float),
        _column("tags", sa.JSON),
        sa.Column("region_usage_restrictions", sa.String),
        _column("with_default_alerts_settings", sa.Boolean),
        sa.UniqueConstraint("org_id", "name"),
    )
    op.create_table(
        "workspaces",
        _serial(),
        _id(),
        _parent("group_id", "groups.id"),
        _column("name"),
        _column("region", sa.JSON),
        _column("config", sa.JSON),
        _column("failover_regions", sa.JSON),
        _column("hostnames", sa.JSON),
        _column("created", sa.Float),
        sa.UniqueConstraint("group_id", "name"),
    )


def _streams() -> None:
    op.create_table(
        "connections",
        _serial(),
        _id(),
        _parent("workspace_id", "workspaces.id"),
        _column("name"),
        _column("type"),
        *_sealed(),
        sa.UniqueConstraint("workspace_id", "name"),
    )
    op.create_table(
        "processors",
        _serial(),
        _id(),
        _parent("workspace_id", "workspaces.id"),
        _column("name"),
        _column("pipeline", sa.Text),
        sa.Column("options", sa.Text),
        sa.Column("tier", sa.String),
        _column("effective_tier"),
        sa.Column("failover_enabled", sa.Boolean),
        _column("state", index=True),
        _column("state_changed", sa.Float),
        _column("created", sa.Float),
        _column("has_started", sa.Boolean),
        sa.Column("error", sa.Text),
        _column("generation", sa.BigInteger),
        sa.UniqueConstraint("workspace_id", "name"),
    )
    owner = sa.ForeignKey("processors.id", ondelete="CASCADE")
    op.create_table(
        "checkpoints",
        sa.Column("processor_id", sa.String, owner, primary_key=True),
        _column("generation", sa.BigInteger),
        _column("data", sa.LargeBinary),
    )
    op.create_table(
        "clusters", _serial(), _id(), _column("name", unique=True), _column("created", sa.Float), *_sealed()
    )


def _credentials() -> None:
    op.create_table(
        "api_keys",
        _serial(),
        _id(),
        _parent("org_id", "organizations.id"),
        _column("public_key", unique=True),
        _column("description", sa.Text),
        _column("created", sa.Float),
        *_sealed(),
    )
    op.create_table(
        "service_accounts",
        _serial(),
        _id(),
        _parent("org_id", "organizations.id"),
        _column("name"),
        _column("description", sa.Text),
        _column("created", sa.Float),
    )
    op.create_table(
        "client_secrets",
        _serial(),
        _id(),
        _parent("client_id", "service_accounts.id"),
        _column("hash", unique=True),
        _column("masked"),
        _column("created", sa.Float),
        _column("expires", sa.Float),
        sa.Column("last_used", sa.Float),
        sa.Index("ix_client_secrets_client_id", "client_id"),
    )
    op.create_table(
        "tokens",
        sa.Column("hash", sa.String, primary_key=True),
        _parent("client_id", "service_accounts.id"),
        _column("expires", sa.Float, index=True),
        sa.Index("ix_tokens_client_id", "client_id"),
    )


def _permissions() -> None:
    op.create_table(
        "roles",
        _serial(),
        _column("principal_id", index=True),
        sa.Column("group_id", sa.String, sa.ForeignKey("groups.id", ondelete="CASCADE"), index=True),
        _column("role"),
    )
    op.create_table(
        "access_entries",
        _serial(),
        _column("principal_id"),
        _column("cidr"),
        _column("created", sa.Float),
        sa.Column("last_used", sa.Float),
        sa.Column("last_address", sa.String),
        _column("requests", sa.BigInteger),
        sa.UniqueConstraint("principal_id", "cidr"),
    )
