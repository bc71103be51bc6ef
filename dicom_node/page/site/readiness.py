"""Whether the node can do its work now: what `/readyz` answers, and why not."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dicom_node.errors import NodeError
from dicom_node.ledger import Ledger
from dicom_node.ops.monitor import Look
from dicom_node.ops.processes import PARTS
from dicom_node.page.site.node import Node

#: Seconds for which an answer stands: probes of several monitors ask the ledger once.
_STANDS_S = 2.0
#: What failed in the past does not matter to what can be done now.
_RECENT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the node needs."""

    name: str
    is_well: bool
    found: str


def readiness(node: Node) -> tuple[Check, ...]:
    """Each thing that the node needs; it is ready where all are well."""
    # An outage is what takes long: it is not to be told of when it is over.
    return node.once_in(_STANDS_S, "readiness", lambda: _checks(node), at_most_s=_STANDS_S)


def stuck_jobs(ledger: Ledger, look: Look, after_s: float) -> list[tuple[str, int, float]]:
    """Workers that beat and have had the same job for longer than `after_s`: who, which, how long.

    A beat comes from a thread of its own: it goes on while a decoder does not come back.
    """
    found = []
    for record in look.processes:
        for job_id in record.job_ids if record.is_alive else ():
            job = ledger.jobs.get(job_id)
            if job is not None and (held_s := _held_s(ledger.now(), job.updated_at)) > after_s:
                found.append((f"{record.process.host} pid {record.process.pid}", job_id, held_s))
    return found


def stuck_after_s(node: Node) -> float:
    """Half of the time after which a worker that hangs ends itself."""
    return node.config.worker.lease_s / 2


def _held_s(now: datetime, since: datetime) -> float:
    return (now - since).total_seconds()


def _checks(node: Node) -> tuple[Check, ...]:
    try:
        ledger = node.ledger
        look = Look.at(node.config, ledger, ledger.now() - _RECENT)
        stuck = stuck_jobs(ledger, look, stuck_after_s(node))
    except NodeError as exc:
        return (Check("ledger", False, str(exc)), _broker(node))
    parts = [Check(part, part not in look.dead, _alive(part, look)) for part in PARTS]
    hangs = "; ".join(f"{who} has had job {job} for {held:.0f} s" for who, job, held in stuck)
    return (
        Check("ledger", True, "answers"),
        _broker(node),
        *parts,
        Check("jobs get on", not stuck, hangs or "none is held for long"),
        Check("disk", not look.disk.is_full, look.disk.words),
    )


def _alive(part: str, look: Look) -> str:
    count = sum(one.is_alive and one.process.part == part for one in look.processes)
    return f"{count} alive" if count else "none is alive"


def _broker(node: Node) -> Check:
    try:
        node.ask_broker()
    except NodeError as exc:
        return Check("broker", False, str(exc))
    return Check("broker", True, "answers")
