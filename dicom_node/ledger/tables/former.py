"""How the version before wrote what became of a job: read rightly while a host still runs it.

Whether all was delivered was in the job's own state then: DELIVERED, or FAILED with the event "not
all delivered". Both are BUILT now. This module goes with the migration that contracts, which writes
BUILT into those rows; see the migration 0004.
"""

from sqlalchemy import ColumnElement, Connection, case, func, select

from dicom_node.ledger.tables.schema import events, jobs
from dicom_node.ledger.tables.states import Event, JobState

_DELIVERED = "DELIVERED"
_NOT_ALL_DELIVERED = "not all delivered"

_why_failed = (
    select(events.c.event)
    .where(
        events.c.job_id == jobs.c.id,
        events.c.event.in_([Event.FAILED, Event.GIVEN_UP, _NOT_ALL_DELIVERED]),
    )
    .order_by(events.c.id.desc())
    .limit(1)
    .correlate(jobs)
    .scalar_subquery()
)
_is_only_refused = (jobs.c.state == JobState.FAILED) & (_why_failed == _NOT_ALL_DELIVERED)

#: A job's columns, its state as it is called now.
JOB = [
    case(
        (jobs.c.state == _DELIVERED, JobState.BUILT),
        (_is_only_refused, JobState.BUILT),
        else_=jobs.c.state,
    ).label("state"),
    *(column for column in jobs.c if column.name != "state"),
]


def in_state(state: JobState) -> ColumnElement[bool]:
    """Whether a job is in this state, whichever version wrote it."""
    if state is JobState.BUILT:
        return jobs.c.state.in_([JobState.BUILT, _DELIVERED]) | _is_only_refused
    if state is JobState.FAILED:
        return (jobs.c.state == state) & _why_failed.is_distinct_from(_NOT_ALL_DELIVERED)
    return jobs.c.state == state


def branches(state: JobState) -> list[ColumnElement[bool]]:
    """The same in parts that exclude each other: each is one value of the column, and walks its
    index.
    """
    if state is JobState.BUILT:
        return [jobs.c.state == JobState.BUILT, jobs.c.state == _DELIVERED, _is_only_refused]
    return [in_state(state)]


def count_states(connection: Connection) -> dict[JobState, int]:
    """How many jobs are in each state, 0 too."""
    query = select(jobs.c.state, func.count()).group_by(jobs.c.state)
    counted: dict[str, int] = dict(connection.execute(query).all())
    refused = connection.execute(select(func.count()).where(_is_only_refused)).scalar_one()
    counts = {state: counted.get(state, 0) for state in JobState}
    counts[JobState.BUILT] += counted.get(_DELIVERED, 0) + refused
    counts[JobState.FAILED] -= refused
    return counts
