"""Indexes for a ledger of a million jobs, the mark that it shares with the spool, and more of what
was purged.

It only adds, and what it adds to a table may be NULL: a process of the version before goes on with
the ledger until it is restarted. Making the indexes takes its time on a large ledger: see FIGURES.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

#: Of `ix_events_changes`, as `schema.py` has it.
_CHANGES = "event IN ('earlier results superseded', 'rejected', 'withdrawn by a rejection note')"


def upgrade() -> None:
    text = sa.Text()
    time = sa.DateTime(timezone=True)
    op.create_index("ix_jobs_state", "jobs", ["state", "id"])
    op.create_index("ix_jobs_received", "jobs", ["received_at"])
    op.create_index("ix_jobs_study", "jobs", ["study_instance_uid"])
    op.create_index("ix_instances_series_instance_uid", "instances", ["series_instance_uid"])
    op.create_index("ix_outputs_instance", "outputs", ["sop_instance_uid"])
    op.create_index("ix_outputs_series", "outputs", ["series_instance_uid"])
    where = sa.text(_CHANGES)
    op.create_index(
        "ix_events_changes", "events", ["id"], sqlite_where=where, postgresql_where=where
    )
    marks = op.create_table(
        "marks",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("token", text, nullable=False),
    )
    op.bulk_insert(marks, [{"id": 1, "token": ""}])
    for column in (
        sa.Column("study_instance_uid", text),
        sa.Column("received_at", time),
        sa.Column("delivered_at", time),
        sa.Column("verified_at", time),
    ):
        op.add_column("purged", column)
    op.create_index("ix_purged_study", "purged", ["study_instance_uid"])
