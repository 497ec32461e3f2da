"""Operators' changes, and what was measured."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables as they are from this version on."""
    revisions = op.create_table(
        "revisions",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(revisions, [{"id": 1, "number": 0}])
    op.create_table(
        "operator_changes",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False, unique=True),
        sa.Column("content", sa.Text, nullable=True),
        sa.Column("changed_at", sa.Float(53), nullable=False),
    )
    op.create_table(
        "measurements",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("measured_at", sa.Float(53), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Make the tables as they were before."""
    for table in ("measurements", "operator_changes", "revisions"):
        op.drop_table(table)
