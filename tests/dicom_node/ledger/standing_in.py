"""A destination with stand-ins in a chain, and what is there of a job."""

from dicom_node.ledger import Ledger, Route
from tests.dicom_node.ledger.records import LEASE_S

CHAIN = Route("PACS", ["SEG", "SR", "SC"], {"PR": "SEG", "SR2D": "SR", "DOC": "SR2D"})
ROLES = ("SEG", "SR", "SR2D", "SC", "PR", "DOC")


def states(ledger: Ledger, job_id: int) -> dict[str, str]:
    return {d.role: d.state.value for d in ledger.deliveries.of_job(job_id)}


def taken(ledger: Ledger, destination: str = "PACS") -> dict[str, int]:
    batch = ledger.deliveries.claim(destination, "s1", LEASE_S, 10)
    return {delivery.role: delivery.id for delivery in batch}
