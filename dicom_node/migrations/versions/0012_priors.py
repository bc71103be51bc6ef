"""The earlier radiographs that each report tells of.

It only adds: a process of the version before goes on with the ledger until it is restarted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "progressions",
        sa.Column("job_id", key, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("issue", sa.Integer(), primary_key=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("fixed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_outdated", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
