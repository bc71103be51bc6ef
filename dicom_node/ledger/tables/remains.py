"""What is left of jobs that were purged, and the mark that ledger and spool have in common."""

from sqlalchemy import Column, Index, Integer, Table

from dicom_node.ledger.tables.columns import AnyText, UtcDateTime
from dicom_node.ledger.tables.schema import metadata

# Of jobs that were purged: when, and of which bytes, results were delivered.
purged = Table(
    "purged",
    metadata,
    Column("sop_instance_uid", AnyText, primary_key=True),
    Column("pipeline", AnyText, primary_key=True),
    Column("sha256", AnyText, nullable=False),
    # Of the last results.
    Column("issue", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    # NULL: purged by a version that did not keep it; verified_at: nothing was verified.
    Column("study_instance_uid", AnyText),
    Column("received_at", UtcDateTime),
    Column("delivered_at", UtcDateTime),
    Column("verified_at", UtcDateTime),
    Index("ix_purged_study", "study_instance_uid"),
)

# One row, whose token lies in the spool too: where they differ, one of the two was restored or
# replaced. "": there is none yet.
marks = Table(
    "marks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token", AnyText, nullable=False),
)
