"""Who works, with a heartbeat, and how each destination stands; what happened to a destination.

It only adds: a process of the version before goes on with the ledger until it is restarted. Its
leases are not renewed, but run as long as it asked for.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    time = sa.DateTime(timezone=True)
    text = sa.Text()
    op.create_table(
        "workers",
        sa.Column("name", text, primary_key=True),
        sa.Column("part", text, nullable=False),
        sa.Column("host", text, nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", text, nullable=False),
        sa.Column("engine", text, nullable=False),
        sa.Column("pipeline", text, nullable=False),
        sa.Column("started_at", time, nullable=False),
        sa.Column("beat_at", time, nullable=False),
    )
    op.create_table(
        "destinations",
        sa.Column("name", text, primary_key=True),
        sa.Column("reachable", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("since", time),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("resting_until", time),
        sa.Column("last_error", text),
        sa.Column("last_error_at", time),
        sa.Column("paused_at", time),
        sa.Column("paused_until", time),
        sa.Column("paused_by", text),
        sa.Column("paused_why", text),
    )
    op.create_table(
        "destination_events",
        sa.Column("id", key, primary_key=True),
        sa.Column("at", time, nullable=False),
        sa.Column("destination", text, nullable=False),
        sa.Column("event", text, nullable=False),
        sa.Column("owner", text),
        sa.Column("detail", text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_destination_events_destination", "destination_events", ["destination"])
