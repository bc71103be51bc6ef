"""The durable truth: jobs, outputs, deliveries and an append-only record of events.

SQLAlchemy Core; the URL alone decides between SQLite (one host) and PostgreSQL (several). Every
method is one transaction. Read on: `states` (what may happen), `records` (what goes in and out),
`schema` (the tables), `jobs`, `handover`, `deliveries`, `repairs`, `destinations`, `reports` (the
methods), `ending`, `moves` and `database` (how).
"""

from dicom_node.ledger.deliveries import Deliveries
from dicom_node.ledger.destinations import Destinations
from dicom_node.ledger.handover import HandOver
from dicom_node.ledger.jobs import Jobs
from dicom_node.ledger.records import (
    Acceptance,
    BuiltOutput,
    Delivery,
    DestinationRecord,
    Entry,
    Failure,
    Job,
    LeaseLost,
    Route,
    Skipped,
    StoredInstance,
    Substitution,
    Summary,
)
from dicom_node.ledger.repairs import Repairs
from dicom_node.ledger.reports import Reports
from dicom_node.ledger.states import DeliveryState, Event, IllegalTransition, JobState

__all__ = [
    "Acceptance",
    "BuiltOutput",
    "Delivery",
    "DeliveryState",
    "DestinationRecord",
    "Entry",
    "Event",
    "Failure",
    "IllegalTransition",
    "Job",
    "JobState",
    "LeaseLost",
    "Ledger",
    "Route",
    "Skipped",
    "StoredInstance",
    "Substitution",
    "Summary",
]


class Ledger(Jobs, HandOver, Deliveries, Repairs, Destinations, Reports):
    """What every part of the node knows of every other: `Ledger.open(url)`."""
