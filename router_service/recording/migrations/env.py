"""What Alembic runs: on the connection that it is handed, inside the transaction that this is in."""

from alembic import context

from router_service.recording.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
