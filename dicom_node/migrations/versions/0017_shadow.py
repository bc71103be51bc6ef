"""What another pipeline says of images that were analysed: tried, and never sent.

It only adds: a process of the version before goes on with the ledger until it is restarted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    text = sa.Text()
    op.create_table(
        "shadows",
        sa.Column("job_id", key, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("pipeline", text, primary_key=True),
        sa.Column("issue", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("fault", text, nullable=False, server_default=""),
        sa.Column("decision", text, nullable=False, server_default=""),
        *(sa.Column(f"percent_{part}", sa.Float()) for part in ("left", "right", "both")),
        sa.Column("picture", sa.LargeBinary()),
    )
