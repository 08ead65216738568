"""Alembic's entry: the gateway hands it an open connection."""

from alembic import context

from trainyard_gateway.store.schema.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
