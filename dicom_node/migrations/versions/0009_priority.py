"""Who goes first: the class of a job and its deliveries, and the indexes by which a turn is found.

It only adds, and what it adds has a default: what a process of the version before accepts meanwhile
is ROUTINE, and what it builds is delivered so. `ix_jobs_state_due` is the beginning of no question
any more that `ix_jobs_turn` does not answer as well.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    for table in ("jobs", "deliveries"):
        op.add_column(
            table, sa.Column("priority", sa.Integer(), nullable=False, server_default="1")
        )
    # The id too: without it PostgreSQL, as long as it has no statistics, sorts all that wait.
    op.create_index("ix_jobs_turn", "jobs", ["state", "pipeline", "priority", "due_at", "id"])
    op.drop_index("ix_jobs_state_due", "jobs")
    op.create_index(
        "ix_deliveries_turn", "deliveries", ["state", "destination", "priority", "due_at", "id"]
    )
