"""Which archives were asked for a patient's earlier radiographs, and what was fetched from them.

It only adds: a process of the version before goes on with the ledger until it is restarted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "inquiries",
        sa.Column("job_id", key, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("issue", sa.Integer(), primary_key=True),
        sa.Column("destination", sa.Text(), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("begun_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
    )
    op.create_index("ix_inquiries_due", "inquiries", ["state", "destination", "due_at"])
    op.create_table(
        "fetched",
        sa.Column("job_id", key, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sent_at", moment),
    )
