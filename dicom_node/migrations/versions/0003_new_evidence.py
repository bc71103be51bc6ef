"""New evidence: issues of a job's results, the bytes earlier ones were of, and rejections.

It only adds, and what it adds to a table has a default: a process of the version before goes on
with the ledger until it is restarted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    time = sa.DateTime(timezone=True)
    text = sa.Text()
    for table in ("jobs", "outputs"):
        op.add_column(table, sa.Column("issue", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "sources",
        sa.Column("id", key, primary_key=True),
        sa.Column("job_id", key, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("issue", sa.Integer(), nullable=False),
        sa.Column("received_at", time, nullable=False),
        sa.Column("standing", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("reason", text),
        sa.Column("study_instance_uid", text, nullable=False),
        sa.Column("series_instance_uid", text, nullable=False),
        sa.Column("transfer_syntax_uid", text, nullable=False),
        sa.Column("calling_aet", text, nullable=False),
        sa.Column("path", text, nullable=False),
        sa.Column("sha256", text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sources_job", "sources", ["job_id"])
    op.create_table(
        "rejections",
        sa.Column("id", key, primary_key=True),
        sa.Column("sop_instance_uid", text, nullable=False),
        sa.Column("code", text, nullable=False),
        sa.Column("reason", text, nullable=False),
        sa.Column("sha256", text),
        sa.Column("note_job_id", key, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("at", time, nullable=False),
        sa.UniqueConstraint("sop_instance_uid", "note_job_id", name="uq_rejections_instance_note"),
        sqlite_autoincrement=True,
    )
