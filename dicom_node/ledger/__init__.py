"""The durable truth: instances, jobs, findings, outputs, deliveries, and a record of all events.

SQLAlchemy Core; the URL alone decides between SQLite (one host) and PostgreSQL (several). Every
method is one transaction. A Ledger's members are its rooms, so that each part of the node says what
it asks for: `ledger.jobs.claim`, `ledger.deliveries.claim`. Read on: `tables` (what is kept, what
goes in and out, and how it changes), `work` (what arrived, the jobs, what was found, who works),
`sending` (deliveries and destinations), `reading` (what people and metrics ask).
"""

from datetime import datetime
from typing import Self

from dicom_node.ledger.reading.counts import Backlog, Counts, Day
from dicom_node.ledger.reading.lookups import STATES as JOB_STATES
from dicom_node.ledger.reading.lookups import Filter, JobLine, Lookups
from dicom_node.ledger.reading.reports import Reports
from dicom_node.ledger.sending.breakers import Breakers
from dicom_node.ledger.sending.deliveries import Deliveries
from dicom_node.ledger.sending.destinations import Destinations
from dicom_node.ledger.tables.database import Clock, Database, schema_version
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
    Process,
    Refusal,
    Route,
    Skipped,
    Source,
    Standing,
    Substitution,
    Summary,
    WorkerRecord,
)
from dicom_node.ledger.tables.schema import HEAD
from dicom_node.ledger.tables.states import (
    DeliveryState,
    DestinationEvent,
    Event,
    IllegalTransition,
    JobState,
)
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
from dicom_node.ledger.work.rejecting import Rejecting
from dicom_node.ledger.work.repairs import Repairs
from dicom_node.ledger.work.requeue import REFUSED, Candidate, Requeue, Selection
from dicom_node.ledger.work.workers import Workers

__all__ = [
    "HEAD",
    "JOB_STATES",
    "REFUSED",
    "REJECTION_NOTE",
    "Acceptance",
    "Arrived",
    "Backlog",
    "BuiltOutput",
    "Candidate",
    "Change",
    "Day",
    "Delivery",
    "DeliveryState",
    "DestinationEntry",
    "DestinationEvent",
    "DestinationRecord",
    "Earlier",
    "Entry",
    "Event",
    "Failure",
    "Filter",
    "FindingsRecord",
    "IllegalTransition",
    "Instance",
    "InstanceKind",
    "Job",
    "JobLine",
    "JobState",
    "LeaseLost",
    "Ledger",
    "Origin",
    "Process",
    "Progress",
    "Refusal",
    "Route",
    "Search",
    "Selection",
    "Skipped",
    "Source",
    "Standing",
    "StoredInstance",
    "Substitution",
    "Summary",
    "WorkerRecord",
    "schema_version",
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
        self.rejections = Rejecting(database)
        self.deliveries = Deliveries(database)
        self.repairs = Repairs(database)
        self.requeue = Requeue(database)
        self.destinations = Destinations(database)
        self.breakers = Breakers(database)
        self.workers = Workers(database)
        self.reports = Reports(database)
        self.counts = Counts(database)
        self.lookups = Lookups(database)

    @classmethod
    def open(cls, url: str, clock: Clock | None = None) -> Self:
        """The ledger at `url`, made or migrated if need be; see `Database.open` for its errors."""
        return cls(Database.open(url, clock))

    def now(self) -> datetime:
        """The time that every time in the ledger is to be compared with."""
        return self._database.now()

    def close(self) -> None:
        self._database.close()
