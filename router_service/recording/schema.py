"""The database's tables; a change here comes with a migration in `migrations/` that makes the same, and a new HEAD."""

from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, Table, Text

HEAD = "0001"
"""The migration that makes what is described here."""
VERSION_TABLE = "trunkline_schema"

metadata = MetaData()

revisions = Table(
    "revisions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)
"""One row: the number of the newest change. Whoever writes changes holds it, so numbers are committed in order."""

operator_changes = Table(
    "operator_changes",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False, unique=True),
    Column("content", Text, nullable=True),
    Column("changed_at", Float(53), nullable=False),
)
"""The newest change of each kind and name. `content`: JSON; null: taken back. `changed_at`: seconds since 1970."""

measurements = Table(
    "measurements",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("measured_at", Float(53), nullable=False),
    Column("content", Text, nullable=False),
)
"""What was measured last. `measured_at`: of the newest sample, in seconds since 1970. `content`: JSON."""
