"""How Alembic runs migrations here: on the connection, and in the transaction, of who called it."""

from alembic import context

from gfnmat.campaign.store.opening import VERSION_TABLE
from gfnmat.campaign.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    version_table=VERSION_TABLE,
)
context.run_migrations()
