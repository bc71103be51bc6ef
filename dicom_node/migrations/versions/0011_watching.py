"""Counts that outlive what is purged, alerts with the notices of them, and a worker's GPU memory.

It only adds: a process of the version before goes on with the ledger until it is restarted. What
happened before is not counted: a look at each of millions of events would hold up the start.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    text = sa.Text()
    time = sa.DateTime(timezone=True)
    op.create_table(
        "tallies",
        sa.Column("name", text, primary_key=True),
        sa.Column("first", text, primary_key=True),
        sa.Column("second", text, primary_key=True),
        sa.Column("value", sa.Float(), nullable=False),
    )
    marks = op.create_table(
        "tally_marks",
        sa.Column("source", text, primary_key=True),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", time),
    )
    last = sa.text("SELECT coalesce(max(id), 0) FROM events")
    upto = op.get_bind().execute(last).scalar_one()
    # Of files all are counted: how many bytes there are is no matter of since when.
    begin = {"events": upto, "instances": 0, "outputs": 0}
    op.bulk_insert(marks, [{"source": name, "upto": at, "seen": at} for name, at in begin.items()])
    op.create_table(
        "alerts",
        sa.Column("name", text, primary_key=True),
        sa.Column("subject", text, primary_key=True),
        sa.Column("host", text, primary_key=True),
        sa.Column("words", text, nullable=False),
        sa.Column("since", time, nullable=False),
        sa.Column("told_at", time),
        sa.Column("ended_at", time),
        sa.Column("is_open", sa.Integer(), nullable=False, server_default="0"),
    )
    op.create_table(
        "notices",
        sa.Column("id", key, primary_key=True),
        sa.Column("at", time, nullable=False),
        sa.Column("channel", text, nullable=False),
        sa.Column("body", text, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due_at", time, nullable=False),
        sa.Column("ended_at", time),
        sa.Column("error", text),
        sqlite_autoincrement=True,
    )
    where = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_notices_open", "notices", ["channel", "id"], sqlite_where=where, postgresql_where=where
    )
    op.create_table(
        "rounds",
        sa.Column("name", text, primary_key=True),
        sa.Column("at", time, nullable=False),
    )
    for name in ("gpu_used_bytes", "gpu_size_bytes"):
        op.add_column("workers", sa.Column(name, sa.BigInteger()))
