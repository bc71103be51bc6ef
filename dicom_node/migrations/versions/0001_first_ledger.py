"""The first ledger: jobs, outputs, deliveries, events.

A migration is history: it names its columns itself and never follows later changes of the schema.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    time = sa.DateTime(timezone=True)
    text = sa.Text()
    op.create_table(
        "jobs",
        sa.Column("id", key, primary_key=True),
        sa.Column("pipeline", text, nullable=False),
        sa.Column("state", text, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.Column("owner", text),
        sa.Column("lease_until", time),
        sa.Column("due_at", time, nullable=False),
        sa.Column("received_at", time, nullable=False),
        sa.Column("updated_at", time, nullable=False),
        sa.Column("published_at", time),
        sa.Column("reason", text),
        sa.Column("sop_class_uid", text, nullable=False),
        sa.Column("sop_instance_uid", text, nullable=False),
        sa.Column("study_instance_uid", text, nullable=False),
        sa.Column("series_instance_uid", text, nullable=False),
        sa.Column("transfer_syntax_uid", text, nullable=False),
        sa.Column("calling_aet", text, nullable=False),
        sa.Column("path", text, nullable=False),
        sa.Column("sha256", text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("sop_instance_uid", "pipeline", name="uq_jobs_instance_pipeline"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_state_due", "jobs", ["state", "due_at"])
    op.create_table(
        "outputs",
        sa.Column("id", key, primary_key=True),
        sa.Column("job_id", key, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("role", text, nullable=False),
        sa.Column("sop_class_uid", text, nullable=False),
        sa.Column("sop_instance_uid", text, nullable=False),
        sa.Column("series_instance_uid", text, nullable=False),
        sa.Column("transfer_syntax_uid", text, nullable=False),
        sa.Column("path", text, nullable=False),
        sa.Column("sha256", text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("job_id", "sop_instance_uid", name="uq_outputs_job_instance"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "deliveries",
        sa.Column("id", key, primary_key=True),
        sa.Column("job_id", key, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("output_id", key, sa.ForeignKey("outputs.id"), nullable=False),
        sa.Column("destination", text, nullable=False),
        sa.Column("study_instance_uid", text, nullable=False),
        sa.Column("state", text, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owner", text),
        sa.Column("lease_until", time),
        sa.Column("due_at", time, nullable=False),
        sa.Column("updated_at", time, nullable=False),
        sa.Column("dimse_status", sa.Integer()),
        sa.Column("reason", text),
        sa.UniqueConstraint("output_id", "destination", name="uq_deliveries_output_destination"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deliveries_due", "deliveries", ["state", "destination", "due_at"])
    op.create_index("ix_deliveries_job", "deliveries", ["job_id"])
    op.create_table(
        "events",
        sa.Column("id", key, primary_key=True),
        sa.Column("at", time, nullable=False),
        sa.Column("job_id", key, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("delivery_id", key, sa.ForeignKey("deliveries.id")),
        sa.Column("event", text, nullable=False),
        sa.Column("state", text, nullable=False),
        sa.Column("owner", text),
        sa.Column("detail", text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_job", "events", ["job_id"])
