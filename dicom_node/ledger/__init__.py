"""The durable truth: instances, jobs, findings, outputs, deliveries, and a record of all events.

SQLAlchemy Core; the URL alone decides between SQLite (one host) and PostgreSQL (several). Every
method is one transaction. A Ledger's members are its rooms, so that each part of the node says what
it asks for: `ledger.jobs.claim`, `ledger.deliveries.claim`. Read on: `states` (what may happen),
`records` (what goes in and out), `schema` (the tables), the rooms (`instances`, `jobs`,
`handover`, `findings`, `issues`, `rejecting`, `deliveries`, `repairs`, `requeue`, `destinations`,
`breakers`, `workers`, `reports`, `counts`, `lookups`), `progress` (is all delivered?), `reopening`,
`ending`, `moves`, `former` and `database` (how).
"""

from datetime import datetime
from typing import Self

from dicom_node.ledger.breakers import Breakers
from dicom_node.ledger.counts import Backlog, Counts, Day
from dicom_node.ledger.database import Clock, Database, schema_version
from dicom_node.ledger.deliveries import Deliveries
from dicom_node.ledger.destinations import Destinations
from dicom_node.ledger.findings import Findings, FindingsRecord
from dicom_node.ledger.handover import HandOver
from dicom_node.ledger.instances import (
    Instance,
    InstanceKind,
    Instances,
    Origin,
    Search,
    StoredInstance,
)
from dicom_node.ledger.issues import REJECTION_NOTE, Issues
from dicom_node.ledger.jobs import Jobs
from dicom_node.ledger.lookups import STATES as JOB_STATES
from dicom_node.ledger.lookups import Filter, JobLine, Lookups
from dicom_node.ledger.progress import Progress
from dicom_node.ledger.records import (
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
from dicom_node.ledger.rejecting import Rejecting
from dicom_node.ledger.repairs import Repairs
from dicom_node.ledger.reports import Reports
from dicom_node.ledger.requeue import REFUSED, Candidate, Requeue, Selection
from dicom_node.ledger.schema import HEAD
from dicom_node.ledger.states import (
    DeliveryState,
    DestinationEvent,
    Event,
    IllegalTransition,
    JobState,
)
from dicom_node.ledger.workers import Workers

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
