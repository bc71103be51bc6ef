"""What was purged, and indexes without which each deleted row would cost a look at a whole table.

It only adds: a process of the version before goes on, and takes what was purged for new.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    text = sa.Text()
    op.create_table(
        "purged",
        sa.Column("sop_instance_uid", text, primary_key=True),
        sa.Column("pipeline", text, primary_key=True),
        sa.Column("sha256", text, nullable=False),
        sa.Column("issue", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_events_delivery", "events", ["delivery_id"])
    op.create_index("ix_rejections_note", "rejections", ["note_job_id"])
