"""What was refused and a person wants analysed; what the gray values of an image are like; when a
person last asked for a job, or a delivery, again.

It only adds: a process of the version before goes on with the ledger until it is restarted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    for measured in ("gray_brightness", "gray_contrast", "gray_sharpness"):
        op.add_column("findings", sa.Column(measured, sa.Float()))
    for table in ("jobs", "deliveries"):
        op.add_column(table, sa.Column("asked_at", sa.DateTime(timezone=True)))
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "overrides",
        sa.Column("job_id", key, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("sha256", sa.Text(), primary_key=True),
        sa.Column("refusal", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
