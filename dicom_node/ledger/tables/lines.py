"""The first of each class that waits, in one question: a look into an index for each; and since
when it has been waited for.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, Select, case, literal, select, union_all

from dicom_node.ledger.tables.priority import Priority
from dicom_node.ledger.tables.schema import deliveries, jobs

#: Since when an image is waited for: since it came, or since a person asked for it again.
IMAGE_SINCE = case(
    (jobs.c.asked_at > jobs.c.received_at, jobs.c.asked_at), else_=jobs.c.received_at
)
#: And a result, of deliveries joined to their jobs. One that was held for weeks is not late because
#: it is let go.
RESULT_SINCE = case((deliveries.c.asked_at > IMAGE_SINCE, deliveries.c.asked_at), else_=IMAGE_SINCE)


def firsts(
    connection: Connection, first: "Callable[[Priority], Select[Any]]"
) -> dict[Priority, Row[Any]]:
    """What `first`, a query for one row at most, gives for each class that has one."""
    looks = ((priority, first(priority).subquery()) for priority in Priority)
    query = union_all(
        *(select(literal(priority.value).label("of"), *one.c) for priority, one in looks)
    )
    return {Priority(row.of): row for row in connection.execute(query)}
