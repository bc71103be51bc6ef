"""The durable truth: instances, jobs, findings, outputs, deliveries, and a record of all events.

SQLAlchemy Core; the URL alone decides between SQLite (one host) and PostgreSQL (several). Every
method is one transaction. A Ledger's members are its rooms, so that each part of the node says what
it asks for: `ledger.jobs.claim`, `ledger.deliveries.claim`. Read on: `tables` (what is kept, what
goes in and out, and how it changes), `work` (what arrived, the jobs, what was found, who works),
`sending` (deliveries and destinations), `readers` (what they have drawn and said),
`archives` (what they are asked for), `shadow` (what a pipeline says that is only tried), `watching`
(counts and alerts), `reading` (what people and metrics ask).
"""

from datetime import datetime
from typing import Self

from dicom_node.ledger.archives.fetching import Fetching
from dicom_node.ledger.archives.inquiries import (
    Became,
    GivenUp,
    Inquiries,
    Inquiry,
    InquiryState,
    Shown,
)
from dicom_node.ledger.figures import Dead, Depth, Figures, Gauges, Living, Place
from dicom_node.ledger.readers.assessments import (
    Assessed,
    Assessment,
    Assessments,
    Result,
    Verdict,
)
from dicom_node.ledger.readers.corrections import Correction, Corrections, Counted
from dicom_node.ledger.reading.counts import Backlog, Counts, Day
from dicom_node.ledger.reading.devices import Device, KvpRange
from dicom_node.ledger.reading.examined import Examinations, Examined
from dicom_node.ledger.reading.lookups import OF_RESULTS, Filter, JobLine, Lookups, Output
from dicom_node.ledger.reading.lookups import STATES as JOB_STATES
from dicom_node.ledger.reading.pace import Arrival, Declined, Flow, Pace, Stage, Stages
from dicom_node.ledger.reading.quality import LOOKS, Found, Measured, Quality
from dicom_node.ledger.reading.reports import SKIPS_LOOKED_AT, Reports
from dicom_node.ledger.reading.trial import Trial, TrialCase
from dicom_node.ledger.sending.breakers import Breakers
from dicom_node.ledger.sending.deliveries import Deliveries
from dicom_node.ledger.sending.destinations import Destinations
from dicom_node.ledger.sending.verifications import CommitmentReport, Reported, Verifications
from dicom_node.ledger.shadow.shadows import (
    PICTURE_GAP,
    Compared,
    Other,
    Said,
    Shadows,
    Tried,
)
from dicom_node.ledger.tables.database import (
    ANSWER_TIMEOUT_S,
    PERSON_WAITS_S,
    Clock,
    Database,
)
from dicom_node.ledger.tables.looking import clock_ahead_s, schema_version, try_to_write
from dicom_node.ledger.tables.priority import Priority, Turns
from dicom_node.ledger.tables.progress import Progress
from dicom_node.ledger.tables.records import (
    REJECTION_NOTE,
    Acceptance,
    Arrived,
    BuiltOutput,
    Change,
    Delivery,
    DestinationEntry,
    DestinationRecord,
    Earlier,
    Entry,
    Failure,
    Job,
    LeaseLost,
    Line,
    Override,
    Refusal,
    Route,
    Silence,
    Skipped,
    Source,
    Standing,
    Substitution,
    Summary,
    Unverified,
    Verify,
)
from dicom_node.ledger.tables.schema import HEAD
from dicom_node.ledger.tables.states import (
    ARRIVED,
    DeliveryState,
    DestinationEvent,
    Event,
    IllegalTransition,
    JobState,
)
from dicom_node.ledger.watching.alerts import Alert, Alerts, Holding, Turned
from dicom_node.ledger.watching.drifts import Drift, Drifts
from dicom_node.ledger.watching.notices import Notice, Notices
from dicom_node.ledger.watching.tallies import Tallies
from dicom_node.ledger.work.findings import Findings, FindingsRecord
from dicom_node.ledger.work.handover import HandOver
from dicom_node.ledger.work.instances import (
    Instance,
    InstanceKind,
    Instances,
    Origin,
    Search,
    StoredInstance,
)
from dicom_node.ledger.work.issues import Issues
from dicom_node.ledger.work.jobs import Jobs
from dicom_node.ledger.work.marks import Marks
from dicom_node.ledger.work.progressions import Progressions, Relative
from dicom_node.ledger.work.pruning import Kept, Pruning, Purged
from dicom_node.ledger.work.ranking import Ranking
from dicom_node.ledger.work.rejecting import Rejecting
from dicom_node.ledger.work.repairs import Repairs
from dicom_node.ledger.work.requeue import Candidate, Requeue
from dicom_node.ledger.work.resending import (
    DELIVERED,
    HELD,
    REFUSED,
    UNVERIFIED,
    USUAL,
    WITHDRAWN,
    Selection,
)
from dicom_node.ledger.work.withdrawing import Withdrawing, Withdrawn
from dicom_node.ledger.work.workers import GpuMemory, Process, WorkerRecord, Workers

__all__ = [
    "ARRIVED",
    "DELIVERED",
    "HEAD",
    "HELD",
    "JOB_STATES",
    "LOOKS",
    "OF_RESULTS",
    "PERSON_WAITS_S",
    "PICTURE_GAP",
    "REFUSED",
    "REJECTION_NOTE",
    "SKIPS_LOOKED_AT",
    "UNVERIFIED",
    "USUAL",
    "WITHDRAWN",
    "Acceptance",
    "Alert",
    "Arrival",
    "Arrived",
    "Assessed",
    "Assessment",
    "Backlog",
    "Became",
    "BuiltOutput",
    "Candidate",
    "Change",
    "CommitmentReport",
    "Compared",
    "Correction",
    "Counted",
    "Day",
    "Dead",
    "Declined",
    "Delivery",
    "DeliveryState",
    "Depth",
    "DestinationEntry",
    "DestinationEvent",
    "DestinationRecord",
    "Device",
    "Drift",
    "Earlier",
    "Entry",
    "Event",
    "Examined",
    "Failure",
    "Figures",
    "Filter",
    "FindingsRecord",
    "Flow",
    "Found",
    "GivenUp",
    "GpuMemory",
    "Holding",
    "IllegalTransition",
    "Inquiry",
    "InquiryState",
    "Instance",
    "InstanceKind",
    "Job",
    "JobLine",
    "JobState",
    "Kept",
    "KvpRange",
    "LeaseLost",
    "Ledger",
    "Line",
    "Living",
    "Measured",
    "Notice",
    "Origin",
    "Other",
    "Output",
    "Override",
    "Place",
    "Priority",
    "Process",
    "Progress",
    "Purged",
    "Refusal",
    "Relative",
    "Reported",
    "Result",
    "Route",
    "Said",
    "Search",
    "Selection",
    "Shown",
    "Silence",
    "Skipped",
    "Source",
    "Stage",
    "Stages",
    "Standing",
    "StoredInstance",
    "Substitution",
    "Summary",
    "TrialCase",
    "Tried",
    "Turned",
    "Turns",
    "Unverified",
    "Verdict",
    "Verify",
    "Withdrawn",
    "WorkerRecord",
    "clock_ahead_s",
    "schema_version",
    "try_to_write",
]


class Ledger:
    """What every part of the node knows of every other: `Ledger.open(url)`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.instances = Instances(database)
        self.jobs = Jobs(database)
        self.handover = HandOver(database)
        self.findings = Findings(database)
        self.issues = Issues(database)
        self.progressions = Progressions(database)
        self.rejections = Rejecting(database)
        self.corrections = Corrections(database)
        self.assessments = Assessments(database)
        self.inquiries = Inquiries(database)
        self.fetching = Fetching(database)
        self.deliveries = Deliveries(database)
        self.repairs = Repairs(database)
        self.requeue = Requeue(database)
        self.withdrawing = Withdrawing(database)
        self.ranking = Ranking(database)
        self.verifications = Verifications(database)
        self.destinations = Destinations(database)
        self.breakers = Breakers(database)
        self.pruning = Pruning(database)
        self.marks = Marks(database)
        self.workers = Workers(database)
        self.reports = Reports(database)
        self.counts = Counts(database)
        self.pace = Pace(database)
        self.quality = Quality(database)
        self.examinations = Examinations(database)
        self.lookups = Lookups(database)
        self.trial = Trial(database)
        self.gauges = Gauges(database)
        self.tallies = Tallies(database)
        self.alerts = Alerts(database)
        self.drifts = Drifts(database)
        self.notices = Notices(database)
        self.shadows = Shadows(database)

    @classmethod
    def open(
        cls, url: str, clock: Clock | None = None, answer_within_s: float = ANSWER_TIMEOUT_S
    ) -> Self:
        """The ledger at `url`, made or migrated if need be; see `Database.open` for its errors."""
        return cls(Database.open(url, clock, answer_within_s))

    def now(self) -> datetime:
        """The time that every time in the ledger is to be compared with."""
        return self._database.now()

    def close(self) -> None:
        self._database.close()
