"""The tables: instances, jobs, findings, outputs, deliveries, events, what new evidence left behind
(sources and rejections), who works, how each destination stands; `remains` has two more. Migrations
make them, not `create_all`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    bindparam,
    false,
    text,
    true,
)

from dicom_node.ledger.tables.columns import AnyText, UtcDateTime
from dicom_node.ledger.tables.states import Event

#: The newest migration that this code knows.
HEAD = "0020"

#: SQLite numbers rows by itself only where the key is its INTEGER.
_ID = BigInteger().with_variant(Integer(), "sqlite")

#: `InstanceKind` of what may be a chest radiograph.
RADIOGRAPH = "RADIOGRAPH"
#: The issue of outputs that others of the same issue have replaced.
OF_NONE = -1

metadata = MetaData()

# One row: the oldest schema whose code may use this ledger. A migration that only adds leaves it.
compatibility = Table(
    "compatibility",
    metadata,
    Column("oldest", AnyText, primary_key=True),
)

# Bytes that arrived. A job is of the row that has its SOP Instance UID and SHA-256; one that a
# process of the version before accepted has none.
instances = Table(
    "instances",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("received_at", UtcDateTime, nullable=False),
    Column("kind", AnyText, nullable=False),
    Column("sop_class_uid", AnyText, nullable=False),
    Column("sop_instance_uid", AnyText, nullable=False),
    Column("study_instance_uid", AnyText, nullable=False),
    Column("series_instance_uid", AnyText, nullable=False),
    Column("transfer_syntax_uid", AnyText, nullable=False),
    Column("calling_aet", AnyText, nullable=False),
    Column("path", AnyText, nullable=False),
    Column("sha256", AnyText, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    # "" where the header does not say, or was not read yet.
    Column("accession_number", AnyText, nullable=False, server_default=""),
    Column("patient_hash", AnyText, nullable=False, server_default=""),
    Column("patient_id_hash", AnyText, nullable=False, server_default=""),
    Column("acquired_at", AnyText, nullable=False, server_default=""),
    Column("manufacturer", AnyText, nullable=False, server_default=""),
    Column("model_name", AnyText, nullable=False, server_default=""),
    Column("station_name", AnyText, nullable=False, server_default=""),
    # Kilovolts, peak; NULL where the header does not say, or was not read yet.
    Column("kvp", Float),
    UniqueConstraint("sop_instance_uid", "sha256", name="uq_instances_instance_sha256"),
    Index("ix_instances_accession_number", "accession_number"),
    Index("ix_instances_patient_hash", "patient_hash"),
    Index("ix_instances_patient_id_hash", "patient_id_hash"),
    Index("ix_instances_study_instance_uid", "study_instance_uid"),
    Index("ix_instances_series_instance_uid", "series_instance_uid"),
    sqlite_autoincrement=True,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("pipeline", AnyText, nullable=False),
    Column("state", AnyText, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("deaths", Integer, nullable=False),
    Column("owner", AnyText),
    Column("lease_until", UtcDateTime),
    Column("due_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("published_at", UtcDateTime),
    Column("reason", AnyText),
    Column("sop_class_uid", AnyText, nullable=False),
    Column("sop_instance_uid", AnyText, nullable=False),
    Column("study_instance_uid", AnyText, nullable=False),
    Column("series_instance_uid", AnyText, nullable=False),
    Column("transfer_syntax_uid", AnyText, nullable=False),
    Column("calling_aet", AnyText, nullable=False),
    Column("path", AnyText, nullable=False),
    Column("sha256", AnyText, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    # Of the results: other bytes of the same instance that matter make the next one.
    Column("issue", Integer, nullable=False, server_default="0"),
    # A `Priority`; what the version before accepts is ROUTINE.
    Column("priority", Integer, nullable=False, server_default="1"),
    # When a person last asked that it be analysed again; NULL: nobody has, since this is kept.
    Column("asked_at", UtcDateTime),
    # A re-sent image is the same job; a new pipeline makes a new one.
    UniqueConstraint("sop_instance_uid", "pipeline", name="uq_jobs_instance_pipeline"),
    # Whose turn it is, at one look for each class, however many wait.
    Index("ix_jobs_turn", "state", "pipeline", "priority", "due_at", "id"),
    Index("ix_jobs_state", "state", "id"),
    Index("ix_jobs_received", "received_at"),
    Index("ix_jobs_study", "study_instance_uid"),
    # An id that a broker still carries must never come to mean another job.
    sqlite_autoincrement=True,
)

findings = Table(
    "findings",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("job_id", _ID, ForeignKey("jobs.id"), nullable=False),
    Column("issue", Integer, nullable=False),
    Column("found_at", UtcDateTime, nullable=False),
    Column("decision", AnyText, nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("percent_left", Float),
    Column("percent_right", Float),
    Column("percent_both", Float),
    # A JSON list of codes.
    Column("cautions", AnyText, nullable=False),
    # As `inference.gray.quality` measures them; NULL: found by a version that did not.
    Column("gray_brightness", Float),
    Column("gray_contrast", Float),
    Column("gray_sharpness", Float),
    # `ProbabilityMaps.strangeness`, likewise.
    Column("strangeness", Float),
    UniqueConstraint("job_id", "issue", name="uq_findings_job_issue"),
    sqlite_autoincrement=True,
)

# Bytes that were refused, and that a person wants analysed all the same: these, and no others that
# come under the same UID. A host of the version before purges jobs without knowing of these.
overrides = Table(
    "overrides",
    metadata,
    Column("job_id", _ID, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("sha256", AnyText, primary_key=True),
    Column("refusal", AnyText, nullable=False),
    Column("by", AnyText, nullable=False),
    Column("why", AnyText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# What was known of the patient's earlier radiographs when each issue was analysed: fixed, so that
# it is built again as it was. A host of the version before purges jobs without knowing of these.
progressions = Table(
    "progressions",
    metadata,
    Column("job_id", _ID, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("issue", Integer, primary_key=True),
    # The JSON of a `sr_writer.progression.Progression`; "": there was none to tell of.
    Column("document", AnyText, nullable=False),
    # When the ledger was asked for it: what was analysed since, it may not know of.
    Column("fixed_at", UtcDateTime, nullable=False),
    # The next analysis looks anew.
    Column("is_outdated", Boolean, nullable=False, server_default=false()),
)

outputs = Table(
    "outputs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("job_id", _ID, ForeignKey("jobs.id"), nullable=False),
    Column("role", AnyText, nullable=False),
    Column("sop_class_uid", AnyText, nullable=False),
    Column("sop_instance_uid", AnyText, nullable=False),
    Column("series_instance_uid", AnyText, nullable=False),
    Column("transfer_syntax_uid", AnyText, nullable=False),
    Column("path", AnyText, nullable=False),
    Column("sha256", AnyText, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("issue", Integer, nullable=False, server_default="0"),
    UniqueConstraint("job_id", "sop_instance_uid", name="uq_outputs_job_instance"),
    Index("ix_outputs_instance", "sop_instance_uid"),
    Index("ix_outputs_series", "series_instance_uid"),
    sqlite_autoincrement=True,
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("job_id", _ID, ForeignKey("jobs.id"), nullable=False),
    Column("output_id", _ID, ForeignKey("outputs.id"), nullable=False),
    Column("destination", AnyText, nullable=False),
    # The job's, repeated here so that what is due of one study is found by an index.
    Column("study_instance_uid", AnyText, nullable=False),
    Column("state", AnyText, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("owner", AnyText),
    Column("lease_until", UtcDateTime),
    Column("due_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("dimse_status", Integer),
    # The role that this one goes instead of, where it was built for that alone.
    Column("stands_in_for", AnyText),
    Column("reason", AnyText),
    # Since when it is to get there; NULL: since before this was kept.
    Column("waits_since", UtcDateTime),
    # An attempt ended without an answer: it may be there.
    Column("in_doubt", Boolean, nullable=False, server_default=false()),
    # Of what is SENT: until when it is to be confirmed, how often that was asked, in which storage
    # commitment it is, and what was said last.
    Column("verify_by", UtcDateTime),
    Column("checks", Integer, nullable=False, server_default="0"),
    Column("commitment_id", _ID),
    Column("verification", AnyText),
    # The job's, repeated here for the same reason as its study.
    Column("priority", Integer, nullable=False, server_default="1"),
    # When a person last asked that it be sent again, or at last; NULL: nobody has.
    Column("asked_at", UtcDateTime),
    # The role that goes instead of it, where it was not accepted; NULL: the version before said so,
    # in the reason.
    Column("stand_in", AnyText),
    UniqueConstraint("output_id", "destination", name="uq_deliveries_output_destination"),
    Index("ix_deliveries_due", "state", "destination", "due_at"),
    Index("ix_deliveries_turn", "state", "destination", "priority", "due_at", "id"),
    Index("ix_deliveries_job", "job_id"),
    sqlite_autoincrement=True,
)

# Requests for storage commitment (PS3.4 Annex J), each there before it is made.
commitments = Table(
    "commitments",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("transaction_uid", AnyText, nullable=False),
    Column("destination", AnyText, nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    # When its report is no longer waited for; one that comes later counts all the same.
    Column("answer_by", UtcDateTime, nullable=False),
    # When its first report came.
    Column("answered_at", UtcDateTime),
    UniqueConstraint("transaction_uid", name="uq_commitments_transaction"),
    sqlite_autoincrement=True,
)

# What each is about.
commitment_instances = Table(
    "commitment_instances",
    metadata,
    Column("commitment_id", _ID, ForeignKey("commitments.id"), primary_key=True),
    Column("delivery_id", _ID, ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_commitment_instances_delivery", "delivery_id"),
)

events = Table(
    "events",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("job_id", _ID, ForeignKey("jobs.id"), nullable=False),
    Column("delivery_id", _ID, ForeignKey("deliveries.id")),
    Column("event", AnyText, nullable=False),
    Column("state", AnyText, nullable=False),
    Column("owner", AnyText),
    Column("detail", AnyText, nullable=False),
    Index("ix_events_job", "job_id"),
    Index("ix_events_delivery", "delivery_id"),
    sqlite_autoincrement=True,
)
#: What was replaced or withdrawn: rare, and found without a look at all that ever happened.
CHANGES = (Event.SUPERSEDED, Event.REJECTED, Event.RETRACTED)
#: In words, not parameters: only then SQLite sees that the index of these has all that is meant.
is_change = events.c.event.in_(bindparam("changes", CHANGES, expanding=True, literal_execute=True))
_where = text("event IN ('" + "', '".join(CHANGES) + "')")
Index("ix_events_changes", events.c.id, sqlite_where=_where, postgresql_where=_where)

# Bytes that a job was once about: something was handed over that was made of them, or they were
# looked at and brought nothing new.
sources = Table(
    "sources",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("job_id", _ID, ForeignKey("jobs.id"), nullable=False),
    Column("issue", Integer, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    # All results of them were built, and nothing has replaced these.
    Column("standing", Boolean, nullable=False, server_default=false()),
    Column("reason", AnyText),
    Column("study_instance_uid", AnyText, nullable=False),
    Column("series_instance_uid", AnyText, nullable=False),
    Column("transfer_syntax_uid", AnyText, nullable=False),
    Column("calling_aet", AnyText, nullable=False),
    Column("path", AnyText, nullable=False),
    Column("sha256", AnyText, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Index("ix_sources_job", "job_id"),
    sqlite_autoincrement=True,
)

# Instances that a rejection note named, those that we have and those that may still come.
rejections = Table(
    "rejections",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("sop_instance_uid", AnyText, nullable=False),
    Column("code", AnyText, nullable=False),
    Column("reason", AnyText, nullable=False),
    # Of the bytes that were rejected; NULL where none had come by then.
    Column("sha256", AnyText),
    Column("note_job_id", _ID, ForeignKey("jobs.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("sop_instance_uid", "note_job_id", name="uq_rejections_instance_note"),
    Index("ix_rejections_note", "note_job_id"),
    sqlite_autoincrement=True,
)

# Processes that live: a row for each, renewed by its heartbeat and gone when it ends.
workers = Table(
    "workers",
    metadata,
    # By which it owns leases.
    Column("name", AnyText, primary_key=True),
    Column("part", AnyText, nullable=False),
    Column("host", AnyText, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", AnyText, nullable=False),
    Column("engine", AnyText, nullable=False),
    Column("pipeline", AnyText, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("beat_at", UtcDateTime, nullable=False),
    # Of its GPU; NULL where it uses none.
    Column("gpu_used_bytes", BigInteger),
    Column("gpu_size_bytes", BigInteger),
)

# How each destination stands; without a row: nothing was ever sent there, nor is it paused.
destinations = Table(
    "destinations",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("reachable", Boolean, nullable=False, server_default=true()),
    # Of `reachable`; NULL where nothing was sent yet.
    Column("since", UtcDateTime),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("resting_until", UtcDateTime),
    Column("last_error", AnyText),
    Column("last_error_at", UtcDateTime),
    Column("paused_at", UtcDateTime),
    Column("paused_until", UtcDateTime),
    Column("paused_by", AnyText),
    Column("paused_why", AnyText),
)

# Like `events`, of what concerns no job.
destination_events = Table(
    "destination_events",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("destination", AnyText, nullable=False),
    Column("event", AnyText, nullable=False),
    Column("owner", AnyText),
    Column("detail", AnyText, nullable=False),
    Index("ix_destination_events_destination", "destination"),
    sqlite_autoincrement=True,
)
