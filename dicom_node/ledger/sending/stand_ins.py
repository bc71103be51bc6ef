"""What goes to a destination instead of what it does not accept: when it is built, and for whom.

Building it takes as long as much that is sent, and most destinations accept all. So it is built
ahead until a destination has taken each output that something could stand in for, and again once it
has declined one; else only when it is wanted, for which the job is opened again.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from dicom_node.ledger.readers.table import corrections
from dicom_node.ledger.tables.moves import move_jobs
from dicom_node.ledger.tables.records import Route
from dicom_node.ledger.tables.schema import deliveries, jobs, outputs
from dicom_node.ledger.tables.states import ARRIVED, DeliveryState, Event, JobState


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


def build_what_is_missing(
    connection: Connection, now: datetime, job_id: int, routes: Sequence[Route] | None = None
) -> None:
    """Open the job again where something was not accepted meanwhile and nothing stands in for it.

    Without the `routes` also where that is something which is sent anyway: nothing is built then.
    """
    columns = deliveries.c.destination, deliveries.c.state, deliveries.c.stands_in_for
    query = select(*columns, outputs.c.role).join(outputs, deliveries.c.output_id == outputs.c.id)
    rows = connection.execute(query.where(deliveries.c.job_id == job_id)).all()
    there = {(row.destination, row.role) for row in rows}
    lacks = there - {(row.destination, row.stands_in_for) for row in rows}
    if routes is not None:
        lacks = {
            (route.destination, role)
            for route in routes
            for instead, role in route.reserves.items()
            if (route.destination, instead) not in there
        }
    declined = {
        (row.destination, row.role) for row in rows if row.state == DeliveryState.SUBSTITUTED
    }
    for _, role in sorted(declined & lacks)[:1]:
        open_to_build(connection, now, job_id, role)


def open_to_build(connection: Connection, now: datetime, job_id: int, role: str) -> bool:
    """Open a job again that has been built, for what stands in for `role`; whether it had been.

    Not one of what a reader has drawn: of its report there is no more than was built.
    """
    drawn = select(corrections.c.job_id).where(corrections.c.job_id == job_id).exists()
    moved = move_jobs(connection, now, JobState.BUILT, Event.STANDING_IN, jobs.c.id == job_id,
                      ~drawn, detail=role, due_at=now, published_at=None, attempts=0,
                      deaths=0)  # fmt: skip
    return bool(moved)
