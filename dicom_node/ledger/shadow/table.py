"""The table of shadows: a row for each image and pipeline that was tried on it."""

from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, Table

from dicom_node.ledger.tables.columns import AnyText, UtcDateTime
from dicom_node.ledger.tables.schema import jobs, metadata

# A host of the version before purges jobs without knowing of these.
shadows = Table(
    "shadows",
    metadata,
    Column("job_id", jobs.c.id.type, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    # The one that was tried: never the job's own.
    Column("pipeline", AnyText, primary_key=True),
    # Of the job: other bytes of the same instance are another image.
    Column("issue", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    # NULL: it is being tried, or who tried it died.
    Column("ended_at", UtcDateTime),
    # Why nothing can be said; "": it can.
    Column("fault", AnyText, nullable=False, server_default=""),
    # A value of `inference.findings.Decision`; "": the image was refused.
    Column("decision", AnyText, nullable=False, server_default=""),
    Column("percent_left", Float),
    Column("percent_right", Float),
    Column("percent_both", Float),
    # What both see, side by side, as WebP, where they differ much.
    Column("picture", LargeBinary),
)
