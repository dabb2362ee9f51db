"""How Alembic runs our migrations: on the connection it is handed, in that connection's transaction."""

from __future__ import annotations

from alembic import context

from brookmill.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
context.run_migrations()
