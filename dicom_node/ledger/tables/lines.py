"""The first of each class that waits, in one question: a look into an index for each."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, Select, literal, select, union_all

from dicom_node.ledger.tables.priority import Priority


def firsts(
    connection: Connection, first: "Callable[[Priority], Select[Any]]"
) -> dict[Priority, Row[Any]]:
    """What `first`, a query for one row at most, gives for each class that has one."""
    looks = ((priority, first(priority).subquery()) for priority in Priority)
    query = union_all(
        *(select(literal(priority.value).label("of"), *one.c) for priority, one in looks)
    )
    return {Priority(row.of): row for row in connection.execute(query)}
