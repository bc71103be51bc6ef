"""What each device's images are compared by over time, and which have become otherwise.

It only adds: a process of the version before goes on with the ledger until it is restarted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    text = sa.Text()
    op.add_column("instances", sa.Column("kvp", sa.Float()))
    op.add_column("findings", sa.Column("strangeness", sa.Float()))
    key = ("manufacturer", "model_name", "station_name", "calling_aet", "kvp_range", "measure")
    op.create_table(
        "drifts",
        *(sa.Column(name, text, primary_key=True) for name in key),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("now", sa.Float(), nullable=False),
        sa.Column("before", sa.Float(), nullable=False),
        sa.Column("now_count", sa.Integer(), nullable=False),
        sa.Column("before_count", sa.Integer(), nullable=False),
        sa.Column("effect", sa.Float(), nullable=False),
        sa.Column("chance", sa.Float(), nullable=False),
        sa.Column("reference_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )
