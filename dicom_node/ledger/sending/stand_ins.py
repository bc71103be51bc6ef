"""What goes to a destination instead of what it does not accept: when it is built, and for whom.

Building it takes as long as much that is sent, and most destinations accept all. So it is built
ahead until a destination has taken each output that something could stand in for, and again once it
has declined one; else only when it is wanted, for which the job is opened again.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, FromClause, and_, or_, select

from dicom_node.ledger.readers.table import corrections
from dicom_node.ledger.tables.ending import lose_damaged
from dicom_node.ledger.tables.moves import Condition, move_deliveries, move_jobs
from dicom_node.ledger.tables.records import Route
from dicom_node.ledger.tables.schema import deliveries, jobs, outputs
from dicom_node.ledger.tables.states import ARRIVED, DeliveryState, Event, JobState

#: How the reason ends, for people, of what was not accepted; before it stands what goes instead.
_INSTEAD = " is sent instead"
#: A job in one of these is still to be ended, and may build more.
_OPEN = (JobState.RECEIVED, JobState.ANALYZING)


def sent_instead(reason: str, role: str) -> str:
    """Why an output is not sent, where an output of that role is."""
    return f"{reason}: {role}{_INSTEAD}"


def may_be_wanted(connection: Connection, route: Route) -> bool:
    """Whether to build ahead what stands in for outputs at this destination."""
    here = deliveries.c.destination == route.destination
    declined = select(deliveries.c.id).where(deliveries.c.state == DeliveryState.SUBSTITUTED, here)
    if route.reserves and connection.execute(declined.limit(1)).first():
        return True
    taken = select(deliveries.c.id).join(outputs, deliveries.c.output_id == outputs.c.id)
    taken = taken.where(deliveries.c.state.in_(ARRIVED), here)
    return any(
        connection.execute(taken.where(outputs.c.role == role).limit(1)).first() is None
        for role in set(route.reserves.values()) & set(route.roles)
    )


def has_damaged(connection: Connection, job_id: int) -> bool:
    """Whether the job has what stands in for something and is to be built again."""
    lost = deliveries.c.state.in_((DeliveryState.DAMAGED, DeliveryState.DEAD))
    query = select(deliveries.c.id).where(
        deliveries.c.job_id == job_id, lost, deliveries.c.stands_in_for.is_not(None)
    )
    return connection.execute(query.limit(1)).first() is not None


def stand_in_of(
    connection: Connection, delivery_id: int, role: str
) -> tuple[int, DeliveryState] | None:
    """The delivery (id, state) of the output of that role that goes instead of this one, of the
    same issue and to the same destination; None where it has not been built.
    """
    its = outputs.alias()
    others, theirs = deliveries.alias(), outputs.alias()
    query = (
        select(others.c.id, others.c.state)
        .join(theirs, others.c.output_id == theirs.c.id)
        .where(
            deliveries.c.id == delivery_id,
            its.c.id == deliveries.c.output_id,
            _goes_with(its, others, theirs),
            theirs.c.role == role,
        )
    )
    newest = query.order_by(others.c.id.desc()).limit(1)
    found = connection.execute(newest).first()
    return None if found is None else (found.id, DeliveryState(found.state))


def lacks_stand_in() -> Condition:
    """Of a delivery: its output was not accepted, and what goes instead has not been built."""
    its = outputs.alias()
    others, theirs = deliveries.alias(), outputs.alias()
    # The version before says it in the reason alone.
    said = deliveries.c.reason.like("%: " + theirs.c.role + _INSTEAD)
    role = deliveries.c.stand_in
    named = (role == theirs.c.role) | (role.is_(None) & said)
    there = (
        select(others.c.id)
        .join(theirs, others.c.output_id == theirs.c.id)
        .where(its.c.id == deliveries.c.output_id, _goes_with(its, others, theirs), named)
        .correlate(deliveries)
        .exists()
    )
    return (deliveries.c.state == DeliveryState.SUBSTITUTED) & ~there


def waits_for_stand_in() -> Condition:
    """The same where it may still be built; looked up from the few jobs that are open."""
    is_open = select(jobs.c.id).where(jobs.c.state.in_(_OPEN))
    return and_(lacks_stand_in(), deliveries.c.job_id.in_(is_open))


def build_what_is_missing(
    connection: Connection,
    now: datetime,
    job_id: int,
    routes: Sequence[Route] | None = None,
    *,
    with_stand_ins: bool = False,
) -> None:
    """See to what a job that has been built lacks: what was not accepted meanwhile, and has
    nothing that goes instead.

    Where that can be built the job is opened again. Where it cannot, the output was refused:
    because all was built (`with_stand_ins`) and this radiograph has none, because none of the
    `routes` keeps it ready any more, or because it is of a reader's drawing.
    """
    columns = deliveries.c.id, deliveries.c.destination, deliveries.c.reason, outputs.c.role
    query = select(*columns).join(outputs, deliveries.c.output_id == outputs.c.id)
    lacking = connection.execute(
        query.where(deliveries.c.job_id == job_id, lacks_stand_in()).order_by(deliveries.c.id)
    ).all()
    kept = {(route.destination, role) for route in routes or () for role in route.reserves.values()}
    can_be_built = [
        row for row in lacking
        if routes is None or ((row.destination, row.role) in kept and not with_stand_ins)
    ]  # fmt: skip
    if can_be_built and not open_to_build(connection, now, job_id, can_be_built[0].role):
        can_be_built = []
    for row in lacking:
        if row not in can_be_built:
            said = f"{row.reason.removesuffix(_INSTEAD)} would go instead, and there is none"
            move_deliveries(connection, now, DeliveryState.SUBSTITUTED, Event.REFUSED,
                            deliveries.c.id == row.id, detail=said, reason=said)  # fmt: skip


def lose_what_waits(
    connection: Connection, now: datetime, job_ids: Collection[int], reason: str
) -> None:
    """What of these jobs waits to be built again, or for what goes instead, waits for nothing any
    more, for `reason`.
    """
    lose_damaged(connection, now, job_ids, reason)
    said = f"not accepted, and what goes instead could not be built: {reason}"
    move_deliveries(connection, now, DeliveryState.SUBSTITUTED, Event.STRANDED,
                    deliveries.c.job_id.in_(job_ids), lacks_stand_in(),
                    detail=said, reason=said)  # fmt: skip


def open_to_build(connection: Connection, now: datetime, job_id: int, role: str) -> bool:
    """Open a job again that has been built, for what stands in for `role`; whether it had been.

    Not one of what a reader has drawn: of its report there is no more than was built.
    """
    drawn = select(corrections.c.job_id).where(corrections.c.job_id == job_id).exists()
    moved = move_jobs(connection, now, JobState.BUILT, Event.STANDING_IN, jobs.c.id == job_id,
                      ~drawn, detail=role, due_at=now, published_at=None, attempts=0,
                      deaths=0)  # fmt: skip
    return bool(moved)


def _goes_with(its: FromClause, others: FromClause, theirs: FromClause) -> ColumnElement[bool]:
    """Whether the delivery `others` of the output `theirs` is of the same making, and to the same
    destination, as `deliveries` of the output `its`.

    A report and the notice that it followed are of one issue: what is kept ready for an output is
    built after it, and all that is kept ready together, in any order.
    """
    return and_(
        others.c.job_id == deliveries.c.job_id,
        others.c.destination == deliveries.c.destination,
        theirs.c.issue == its.c.issue,
        or_(
            others.c.stands_in_for.is_(None),
            deliveries.c.stands_in_for.is_not(None),
            theirs.c.id > its.c.id,
        ),
    )
