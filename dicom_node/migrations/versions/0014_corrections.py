"""What readers have drawn on radiographs, beside what the node found.

It only adds: a process of the version before goes on with the ledger until it is restarted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    text = sa.Text()
    figures = [
        f"{whose}_{part}" for whose in ("percent", "node") for part in ("left", "right", "both")
    ]
    figures += [f"dice_{part}" for part in ("lung_left", "lung_right", "infection")]
    op.create_table(
        "corrections",
        sa.Column("job_id", key, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("image_job_id", key, nullable=False),
        *(
            sa.Column(name, text, nullable=False)
            for name in ("image_uid", "segmentation_uid", "sha256", "author", "drawn_at",
                         "algorithm", "predecessor")
        ),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Float()) for name in figures),
        # What its report names as the reports before it: JSON.
        sa.Column("before", text, nullable=False),
        sa.UniqueConstraint("segmentation_uid", name="uq_corrections_segmentation"),
    )  # fmt: skip
    op.create_index("ix_corrections_image", "corrections", ["image_uid"])
