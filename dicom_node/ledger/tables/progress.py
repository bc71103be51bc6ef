"""Whether all of a job is delivered: what its deliveries, taken together, say."""

from collections.abc import Collection
from enum import StrEnum

from sqlalchemy import (
    ColumnElement,
    Connection,
    Subquery,
    case,
    func,
    literal,
    or_,
    select,
)

from dicom_node.ledger.tables.former import in_state
from dicom_node.ledger.tables.schema import deliveries, jobs
from dicom_node.ledger.tables.states import MISSING, UNDELIVERED, DeliveryState, JobState


class Progress(StrEnum):
    """How far what a job has built has got."""

    #: Nothing of it is sent anywhere: it stays in the spool.
    KEPT = "KEPT"
    #: A destination has not answered for all of it yet.
    WAITING = "WAITING"
    #: Every destination has said that it stored all it is to get; of some of it, that it keeps it
    #: is still to be confirmed.
    SENT = "SENT"
    #: The same, and in its time that was not confirmed.
    UNVERIFIED = "UNVERIFIED"
    #: Nothing waits, and some of it is held, since its destination was silent.
    HELD = "HELD"
    #: Every destination has all that it is to get, or what stands in for it; verified, where that
    #: is asked for.
    DELIVERED = "DELIVERED"
    #: Nothing waits any more, and some of it was refused or lost.
    INCOMPLETE = "INCOMPLETE"
    #: All of it was stopped before it left.
    WITHDRAWN = "WITHDRAWN"


_UNSENT = frozenset(UNDELIVERED)
_MISSING = frozenset(MISSING)
#: The first that applies; see `progress`.
_BY_RARITY = (
    (Progress.WAITING, _UNSENT),
    (Progress.INCOMPLETE, _MISSING),
    (Progress.SENT, {DeliveryState.SENT}),
    (Progress.UNVERIFIED, {DeliveryState.UNVERIFIED}),
    (Progress.HELD, {DeliveryState.HELD}),
)


def progress(states: Collection[str]) -> Progress:
    """Of a job whose deliveries are in these states."""
    sent = set(states) - {DeliveryState.RESERVE}
    if not sent:
        return Progress.KEPT
    for found, states_of in _BY_RARITY:
        if sent & states_of:
            return found
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
    counts = dict.fromkeys(Progress, 0)
    # As many as have been handed over for nobody.
    counts[Progress.KEPT] = built - _with_deliveries(connection)
    rarity = case(
        *((deliveries.c.state.in_(states), number) for number, (_, states) in enumerate(_BY_RARITY))
    )
    rare = (
        select(deliveries.c.job_id, func.min(rarity).label("rarity"))
        .where(deliveries.c.state.in_(set().union(*(states for _, states in _BY_RARITY))))
        .group_by(deliveries.c.job_id)
        .subquery()
    )
    for number, count in _of_built(connection, rare, rare.c.rarity):
        counts[_BY_RARITY[number][0]] = count
    withdrawn = (
        select(deliveries.c.job_id)
        .where(deliveries.c.state == DeliveryState.WITHDRAWN)
        .group_by(deliveries.c.job_id)
        .subquery()
    )
    for _, count in _of_built(connection, withdrawn, literal(0), ~_has_other()):
        counts[Progress.WITHDRAWN] = count
    return counts | {Progress.DELIVERED: built - sum(counts.values())}


def _of_built(
    connection: Connection,
    found: Subquery,
    by: ColumnElement[int],
    *conditions: ColumnElement[bool],
) -> list[tuple[int, int]]:
    """How many of the jobs found are BUILT, for each value of `by`: from what was found to its
    jobs, never the other way round.
    """
    query = select(by, func.count()).select_from(found).join(jobs, jobs.c.id == found.c.job_id)
    rows = connection.execute(query.where(in_state(JobState.BUILT), *conditions).group_by(by))
    return [(value, number) for value, number in rows]


def _with_deliveries(connection: Connection) -> int:
    """How many BUILT jobs have any."""
    every = select(func.count(deliveries.c.job_id.distinct()))
    others = [state for state in JobState if state is not JobState.BUILT]
    # In this order, each part small or read in the order of an index.
    not_built = or_(*(in_state(state) for state in others))
    any_of_it = select(deliveries.c.id).where(deliveries.c.job_id == jobs.c.id).exists()
    ended_otherwise = select(func.count()).select_from(jobs).where(not_built, any_of_it)
    return connection.execute(every).scalar_one() - connection.execute(ended_otherwise).scalar_one()


def _has_other() -> ColumnElement[bool]:
    """Whether anything of a job was to leave and was not withdrawn."""
    other = deliveries.c.state.not_in((DeliveryState.RESERVE, DeliveryState.WITHDRAWN))
    return select(deliveries.c.id).where(deliveries.c.job_id == jobs.c.id, other).exists()
