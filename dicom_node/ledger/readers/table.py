"""The tables of what readers say: Segmentations that they have drawn, and clicks on the page."""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, Table, UniqueConstraint

from dicom_node.ledger.tables.columns import AnyText, UtcDateTime
from dicom_node.ledger.tables.schema import jobs, metadata

#: `InstanceKind` of a Segmentation that a reader may have drawn.
DRAWN = "SEGMENTATION"

# A host of the version before purges jobs without knowing of these.
corrections = Table(
    "corrections",
    metadata,
    # Of the Segmentation, and of the radiograph that it is drawn on.
    Column("job_id", jobs.c.id.type, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("image_job_id", jobs.c.id.type, nullable=False),
    Column("image_uid", AnyText, nullable=False),
    Column("segmentation_uid", AnyText, nullable=False),
    # Of the bytes that were counted.
    Column("sha256", AnyText, nullable=False),
    Column("author", AnyText, nullable=False),
    Column("drawn_at", AnyText, nullable=False),
    Column("algorithm", AnyText, nullable=False),
    Column("predecessor", AnyText, nullable=False),
    Column("kept_at", UtcDateTime, nullable=False),
    Column("percent_left", Float),
    Column("percent_right", Float),
    Column("percent_both", Float),
    # What the node had found then.
    Column("node_left", Float),
    Column("node_right", Float),
    Column("node_both", Float),
    Column("dice_lung_left", Float),
    Column("dice_lung_right", Float),
    Column("dice_infection", Float),
    # The JSON of a list of `sr_writer.progression.Reference`: fixed, so that its report is built
    # again as it was.
    Column("before", AnyText, nullable=False),
    UniqueConstraint("segmentation_uid", name="uq_corrections_segmentation"),
    Index("ix_corrections_image", "image_uid"),
)

# A row for each click: of one reader and issue the last one counts. A host of the version before
# purges jobs without knowing of these.
assessments = Table(
    "assessments",
    metadata,
    Column("id", jobs.c.id.type, primary_key=True),
    Column("job_id", jobs.c.id.type, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    # Of the job's results: others are to be judged anew.
    Column("issue", Integer, nullable=False),
    Column("reader", AnyText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    # A `Verdict`.
    Column("verdict", AnyText, nullable=False),
    Column("note", AnyText, nullable=False, server_default=""),
    # Of `Verdict.OTHER`, where the reader has said which.
    Column("pipeline", AnyText, nullable=False, server_default=""),
    Index("ix_assessments_job", "job_id"),
    sqlite_autoincrement=True,
)
