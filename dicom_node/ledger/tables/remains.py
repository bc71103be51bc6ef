"""What is left of jobs that were purged, the mark that ledger and spool have in common, and what
archives were asked for and gave, and what a person asked for.
"""

from sqlalchemy import Column, ColumnElement, ForeignKey, Index, Integer, Table, exists, select

from dicom_node.ledger.tables.columns import AnyText, UtcDateTime
from dicom_node.ledger.tables.schema import jobs, metadata, overrides

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

# Archives that were asked for earlier radiographs of a job's patient. A host of the version before
# purges jobs without knowing of these.
inquiries = Table(
    "inquiries",
    metadata,
    Column("job_id", jobs.c.id.type, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("issue", Integer, primary_key=True),
    Column("destination", AnyText, primary_key=True),
    # An `InquiryState`.
    Column("state", AnyText, nullable=False),
    Column("attempts", Integer, nullable=False),
    # Who is just asking.
    Column("owner", AnyText),
    Column("begun_at", UtcDateTime, nullable=False),
    # When to ask next; of one that was given up, when that was.
    Column("due_at", UtcDateTime, nullable=False),
    # What went wrong last; "": nothing.
    Column("reason", AnyText, nullable=False),
    # A JSON list of `Shown`.
    Column("document", AnyText, nullable=False),
    Index("ix_inquiries_due", "state", "destination", "due_at"),
)

# Jobs of what nobody sent: it was fetched, so that other radiographs are compared with it.
fetched = Table(
    "fetched",
    metadata,
    Column("job_id", jobs.c.id.type, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("destination", AnyText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    # Of its file in the spool: the job's, until it is sent here.
    Column("path", AnyText, nullable=False),
    # When it was sent here after all: from then on it is as any other. NULL: it was not.
    Column("sent_at", UtcDateTime),
)


def is_fetched() -> ColumnElement[bool]:
    """`Job.is_fetched` of each row of `jobs`."""
    this = select(fetched.c.job_id).where(
        fetched.c.job_id == jobs.c.id, fetched.c.sent_at.is_(None)
    )
    return this.correlate(jobs).exists()


def was_asked_for() -> ColumnElement[bool]:
    """Whether a person had a job's bytes analysed although they were refused."""
    return exists().where(overrides.c.job_id == jobs.c.id, overrides.c.sha256 == jobs.c.sha256)
