"""The durable truth: jobs, outputs, deliveries and an append-only record of events.

SQLAlchemy Core; the URL alone decides between SQLite (one host) and PostgreSQL (several). Every
method is one transaction. Read on: `states` (what may happen), `records` (what goes in and out),
`schema` (the tables), `jobs`, `handover`, `issues`, `rejecting`, `deliveries`, `repairs`,
`requeue`, `destinations`, `reports` (the methods), `reopening`, `ending`, `moves` and `database`
(how).
"""

from dicom_node.ledger.deliveries import Deliveries
from dicom_node.ledger.destinations import Destinations
from dicom_node.ledger.handover import HandOver
from dicom_node.ledger.issues import REJECTION_NOTE, Issues
from dicom_node.ledger.jobs import Jobs
from dicom_node.ledger.records import (
    Acceptance,
    Arrived,
    BuiltOutput,
    Change,
    Delivery,
    DestinationRecord,
    Earlier,
    Entry,
    Failure,
    Job,
    LeaseLost,
    Route,
    Skipped,
    Source,
    StoredInstance,
    Substitution,
    Summary,
)
from dicom_node.ledger.rejecting import Rejecting
from dicom_node.ledger.repairs import Repairs
from dicom_node.ledger.reports import Reports
from dicom_node.ledger.requeue import REFUSED, Candidate, Requeue, Selection
from dicom_node.ledger.states import DeliveryState, Event, IllegalTransition, JobState

__all__ = [
    "REFUSED",
    "REJECTION_NOTE",
    "Acceptance",
    "Arrived",
    "BuiltOutput",
    "Candidate",
    "Change",
    "Delivery",
    "DeliveryState",
    "DestinationRecord",
    "Earlier",
    "Entry",
    "Event",
    "Failure",
    "IllegalTransition",
    "Job",
    "JobState",
    "LeaseLost",
    "Ledger",
    "Route",
    "Selection",
    "Skipped",
    "Source",
    "StoredInstance",
    "Substitution",
    "Summary",
]


class Ledger(
    Jobs, HandOver, Issues, Rejecting, Deliveries, Repairs, Requeue, Destinations, Reports
):
    """What every part of the node knows of every other: `Ledger.open(url)`."""
