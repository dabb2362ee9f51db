"""The tables. A column has the name of the struct field it keeps; ``serial`` is the order of creation.

A change here needs a migration in ``migrations/versions`` and its number in ``HEAD``; a test compares both.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

#: The newest migration; a database with this version needs no Alembic to start.
HEAD = "0007"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)


def _serial() -> Column[int]:
    """The order of creation. SQLite only counts up by itself in a column of type INTEGER."""
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Column("serial", kind, primary_key=True, autoincrement=True)


def _parent(column: str, target: str) -> Column[str]:
    """A column that names the row this one lives and dies with."""
    return Column(column, String, ForeignKey(target, ondelete="CASCADE"), nullable=False)


def _sealed() -> tuple[Column[str], Column[bytes]]:
    """A sealed value and the id of the key it is sealed with; ``seal.py`` says what it is bound to."""
    return Column("key_id", String, nullable=False), Column("sealed", LargeBinary, nullable=False)


#: One row: the key that new values are sealed with.
sealing = Table(
    "sealing",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("key_id", String, nullable=False),
)

#: One row: it counts up whenever something changes that servers remember; see ``known.py``.
revision = Table(
    "revision",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)

organizations = Table(
    "organizations",
    metadata,
    _serial(),
    Column("id", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("created", Float, nullable=False),
)

groups = Table(
    "groups",
    metadata,
    _serial(),
    Column("id", String, nullable=False, unique=True),
    _parent("org_id", "organizations.id"),
    Column("name", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("region_usage_restrictions", String),
    Column("with_default_alerts_settings", Boolean, nullable=False),
    UniqueConstraint("org_id", "name"),
)

workspaces = Table(
    "workspaces",
    metadata,
    _serial(),
    Column("id", String, nullable=False, unique=True),
    _parent("group_id", "groups.id"),
    Column("name", String, nullable=False),
    Column("region", JSON, nullable=False),
    Column("config", JSON, nullable=False),
    Column("failover_regions", JSON, nullable=False),
    Column("hostnames", JSON, nullable=False),
    Column("created", Float, nullable=False),
    UniqueConstraint("group_id", "name"),
)

connections = Table(
    "connections",
    metadata,
    _serial(),
    Column("id", String, nullable=False, unique=True),
    _parent("workspace_id", "workspaces.id"),
    Column("name", String, nullable=False),
    Column("type", String, nullable=False),
    *_sealed(),
    Column("revision", Integer, nullable=False, server_default="0"),
    UniqueConstraint("workspace_id", "name"),
)

#: What every write made of a connection; rows outlive it, so that a deletion can be undone.
connection_revisions = Table(
    "connection_revisions",
    metadata,
    _serial(),
    _parent("workspace_id", "workspaces.id"),
    Column("name", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("connection_id", String, nullable=False),
    Column("type", String, nullable=False),
    Column("action", String, nullable=False),
    Column("restored", Integer),
    Column("author", JSON, nullable=False),
    *_sealed(),
    UniqueConstraint("workspace_id", "name", "number"),
)

rollouts = Table(
    "rollouts",
    metadata,
    _serial(),
    Column("id", String, nullable=False, unique=True),
    _parent("workspace_id", "workspaces.id"),
    Column("connection", String, nullable=False),
    Column("before", Integer, nullable=False),
    Column("after", Integer, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("created", Float, nullable=False),
    Column("ended", Float),
    Column("error", Text),
)

#: ``checkpoint``: what the processor goes back to when the rollout does.
rollout_steps = Table(
    "rollout_steps",
    metadata,
    _serial(),
    _parent("rollout_id", "rollouts.id"),
    Column("processor_id", String, nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("state", String, nullable=False),
    Column("generation", BigInteger),
    Column("pause", Float),
    Column("checkpoint", LargeBinary),
    UniqueConstraint("rollout_id", "processor_id"),
)

#: What was answered to writes that came with an Idempotency-Key.
replies = Table(
    "replies",
    metadata,
    _serial(),
    Column("principal_id", String, nullable=False),
    Column("key", String, nullable=False),
    Column("request", String, nullable=False),
    Column("created", Float, nullable=False, index=True),
    *_sealed(),
    UniqueConstraint("principal_id", "key"),
)

#: Connections that take the place of another one in another region.
failover_connections = Table(
    "failover_connections",
    metadata,
    _serial(),
    Column("id", String, nullable=False, unique=True),
    Column(
        "connection_id", String, ForeignKey("connections.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("type", String, nullable=False),
    *_sealed(),
)

private_links = Table(
    "private_links",
    metadata,
    _serial(),
    Column("id", String, nullable=False, unique=True),
    Column("group_id", String, ForeignKey("groups.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("target", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("deleted", Float),
)

vpc_peerings = Table(
    "vpc_peerings",
    metadata,
    _serial(),
    Column("id", String, nullable=False, unique=True),
    Column("group_id", String, ForeignKey("groups.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", String, nullable=False, unique=True),
    Column("region", String, nullable=False),
    Column("requester_account_id", String, nullable=False),
    Column("requester_vpc_id", String, nullable=False),
    Column("requester_cidr", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("accepted", Float),
    Column("rejected", Float),
    Column("deleted", Float),
)

#: ``id`` is the customer's own, so it is unique in a project alone.
private_endpoints = Table(
    "private_endpoints",
    metadata,
    _serial(),
    Column("id", String, nullable=False),
    _parent("group_id", "groups.id"),
    Column("region", String, nullable=False),
    Column("customer_dns_name", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("deleted", Float),
    UniqueConstraint("group_id", "id"),
)

processors = Table(
    "processors",
    metadata,
    _serial(),
    Column("id", String, nullable=False, unique=True),
    _parent("workspace_id", "workspaces.id"),
    Column("name", String, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("options", Text),
    Column("tier", String),
    Column("effective_tier", String, nullable=False),
    Column("failover_enabled", Boolean),
    Column("state", String, nullable=False, index=True),
    Column("state_changed", Float, nullable=False),
    Column("created", Float, nullable=False),
    Column("has_started", Boolean, nullable=False),
    Column("error", Text),
    Column("generation", BigInteger, nullable=False),
    Column("modified", Float),
    Column("modified_by", String),
    Column("pipeline_version", Integer, nullable=False, server_default="0"),
    UniqueConstraint("workspace_id", "name"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column(
        "processor_id",
        String,
        ForeignKey("processors.id", ondelete="CASCADE"),
        primary_key=True,
        nullable=False,
    ),
    Column("generation", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

clusters = Table(
    "clusters",
    metadata,
    _serial(),
    Column("id", String, nullable=False, unique=True),
    Column("name", String, nullable=False, unique=True),
    Column("created", Float, nullable=False),
    *_sealed(),
)

api_keys = Table(
    "api_keys",
    metadata,
    _serial(),
    Column("id", String, nullable=False, unique=True),
    _parent("org_id", "organizations.id"),
    Column("public_key", String, nullable=False, unique=True),
    Column("description", Text, nullable=False),
    Column("created", Float, nullable=False),
    *_sealed(),
)

service_accounts = Table(
    "service_accounts",
    metadata,
    _serial(),
    Column("id", String, nullable=False, unique=True),
    _parent("org_id", "organizations.id"),
    Column("name", String, nullable=False),
    Column("description", Text, nullable=False),
    Column("created", Float, nullable=False),
)

client_secrets = Table(
    "client_secrets",
    metadata,
    _serial(),
    Column("id", String, nullable=False, unique=True),
    _parent("client_id", "service_accounts.id"),
    Column("hash", String, nullable=False, unique=True),
    Column("masked", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("last_used", Float),
    Index(None, "client_id"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("hash", String, primary_key=True),
    _parent("client_id", "service_accounts.id"),
    Column("expires", Float, nullable=False, index=True),
    Index(None, "client_id"),
)

#: Who may log in with the MongoDB protocol; a login names no project, so names are unique everywhere.
database_users = Table(
    "database_users",
    metadata,
    _serial(),
    Column("id", String, nullable=False, unique=True),
    Column("group_id", String, ForeignKey("groups.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", String, nullable=False, unique=True),
    Column("created", Float, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("workspaces", JSON, nullable=False),
    *_sealed(),
)

#: Who holds which role: ``principal_id`` is an API key's or a service account's id, ``group_id`` the project,
#: null in the organization.
roles = Table(
    "roles",
    metadata,
    _serial(),
    Column("principal_id", String, nullable=False, index=True),
    Column("group_id", String, ForeignKey("groups.id", ondelete="CASCADE"), index=True),
    Column("role", String, nullable=False),
)

access_entries = Table(
    "access_entries",
    metadata,
    _serial(),
    Column("principal_id", String, nullable=False),
    Column("cidr", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("last_used", Float),
    Column("last_address", String),
    Column("requests", BigInteger, nullable=False),
    UniqueConstraint("principal_id", "cidr"),
)

#: Who did what, or tried to: a chain of hashes. Rows name what they are about and outlive it.
audit_records = Table(
    "audit_records",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("group_id", String),
    Column("workspace", String),
    Column("processor", String),
    Column("record", Text, nullable=False),
    Column("hash", String, nullable=False),
    Index(None, "group_id", "workspace", "at"),
)

#: One row: the number of the last record, and its hash, sealed. Only who has the key can make the chain end.
audit_head = Table(
    "audit_head", metadata, _serial(), Column("number", BigInteger, nullable=False), *_sealed()
)

#: What processors went through, for whoever runs them.
operational_log = Table(
    "operational_log",
    metadata,
    _serial(),
    _parent("workspace_id", "workspaces.id"),
    Column("processor", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("entry", Text, nullable=False),
    Index(None, "workspace_id", "at"),
)
