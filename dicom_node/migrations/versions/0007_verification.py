"""Whether a destination keeps what it stored: verification, storage commitments, and give-up age.

It only adds, and what it adds to a table has a default: a process of the version before goes on
with the ledger until it is restarted. That version knows no state SENT, VERIFIED, UNVERIFIED or
GIVEN_UP and leaves such deliveries alone: no destination may be verified before every host runs
this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    time = sa.DateTime(timezone=True)
    text = sa.Text()
    for column in (
        sa.Column("waits_since", time),
        sa.Column("in_doubt", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("verify_by", time),
        sa.Column("checks", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("commitment_id", key),
        sa.Column("verification", text),
    ):
        op.add_column("deliveries", column)
    op.create_table(
        "commitments",
        sa.Column("id", key, primary_key=True),
        sa.Column("transaction_uid", text, nullable=False),
        sa.Column("destination", text, nullable=False),
        sa.Column("begun_at", time, nullable=False),
        sa.Column("answer_by", time, nullable=False),
        sa.Column("answered_at", time),
        sa.UniqueConstraint("transaction_uid", name="uq_commitments_transaction"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "commitment_instances",
        sa.Column("commitment_id", key, sa.ForeignKey("commitments.id"), primary_key=True),
        sa.Column(
            "delivery_id",
            key,
            sa.ForeignKey("deliveries.id", ondelete="CASCADE"),
            primary_key=True,
        ),
    )
    op.create_index("ix_commitment_instances_delivery", "commitment_instances", ["delivery_id"])
