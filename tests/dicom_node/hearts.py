"""Owners of leases for tests, whose hearts beat when the test says so."""

from dicom_node.heartbeat import Heartbeat
from dicom_node.ledger import Ledger, Process


def process(name: str, part: str = "work") -> Process:
    return Process(name, part, "host", 1, "1.0", "engine", "pipeline")


def heart(ledger: Ledger, name: str, stuck_after_s: float = 60.0) -> Heartbeat:
    return Heartbeat(ledger, process(name), stuck_after_s)
