"""What readers say of results on the page: a verdict for each click.

It only adds: a process of the version before goes on with the ledger until it is restarted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    text = sa.Text()
    op.create_table(
        "assessments",
        sa.Column("id", key, primary_key=True),
        sa.Column("job_id", key, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("issue", sa.Integer(), nullable=False),
        sa.Column("reader", text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verdict", text, nullable=False),
        sa.Column("note", text, nullable=False, server_default=""),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_assessments_job", "assessments", ["job_id"])
