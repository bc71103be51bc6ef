"""Whether all of a job is delivered: what its deliveries, taken together, say."""

from collections.abc import Collection
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, func, select

from dicom_node.ledger.tables.former import in_state
from dicom_node.ledger.tables.schema import deliveries, jobs
from dicom_node.ledger.tables.states import DeliveryState, JobState


class Progress(StrEnum):
    """How far what a job has built has got."""

    #: Nothing of it is sent anywhere: it stays in the spool.
    KEPT = "KEPT"
    #: A destination has not answered for all of it yet.
    WAITING = "WAITING"
    #: Every destination has all that it is to get, or what stands in for it.
    DELIVERED = "DELIVERED"
    #: Nothing waits any more, and some of it was refused or lost.
    INCOMPLETE = "INCOMPLETE"
    #: All of it was stopped before it left.
    WITHDRAWN = "WITHDRAWN"


_UNSENT = {DeliveryState.WAITING, DeliveryState.DAMAGED}
_MISSING = {DeliveryState.REFUSED, DeliveryState.DEAD}


def progress(states: Collection[str]) -> Progress:
    """Of a job whose deliveries are in these states."""
    sent = set(states) - {DeliveryState.RESERVE}
    if not sent:
        return Progress.KEPT
    if sent & _UNSENT:
        return Progress.WAITING
    if sent & _MISSING:
        return Progress.INCOMPLETE
    # What was withdrawn went nowhere: of it alone nobody can say that it was delivered.
    return Progress.WITHDRAWN if sent == {DeliveryState.WITHDRAWN} else Progress.DELIVERED


def progress_of(connection: Connection, job_ids: Collection[int]) -> dict[int, Progress]:
    states: dict[int, set[str]] = {job_id: set() for job_id in job_ids}
    query = select(deliveries.c.job_id, deliveries.c.state).distinct()
    for row in connection.execute(query.where(deliveries.c.job_id.in_(job_ids))):
        states[row.job_id].add(row.state)
    return {job_id: progress(found) for job_id, found in states.items()}


def count_progress(connection: Connection, built: int) -> dict[Progress, int]:
    """The same of all `built` jobs: found by what is rare, since most of them are delivered."""
    waiting, missing = _jobs_with(_UNSENT), _jobs_with(_MISSING)
    withdrawn = _jobs_with({DeliveryState.WITHDRAWN})
    counts = {
        Progress.KEPT: _count(connection, ~_has_other(DeliveryState.RESERVE)),
        Progress.WAITING: _count(connection, jobs.c.id.in_(waiting)),
        Progress.INCOMPLETE: _count(connection, jobs.c.id.in_(missing), jobs.c.id.not_in(waiting)),
        Progress.WITHDRAWN: _count(
            connection,
            jobs.c.id.in_(withdrawn),
            ~_has_other(DeliveryState.RESERVE, DeliveryState.WITHDRAWN),
        ),
    }
    return counts | {Progress.DELIVERED: built - sum(counts.values())}


def _jobs_with(states: Collection[DeliveryState]) -> Select[Any]:
    return select(deliveries.c.job_id).where(deliveries.c.state.in_(states))


def _has_other(*states: DeliveryState) -> Any:
    return (
        select(deliveries.c.id)
        .where(deliveries.c.job_id == jobs.c.id, deliveries.c.state.not_in(states))
        .exists()
    )


def _count(connection: Connection, *conditions: Any) -> int:
    query = select(func.count()).select_from(jobs).where(in_state(JobState.BUILT), *conditions)
    return connection.execute(query).scalar_one()
