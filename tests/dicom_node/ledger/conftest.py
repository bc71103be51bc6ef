"""A ledger for each test, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from dicom_node.ledger import (
    Ledger,
)
from tests.dicom_node.ledger.records import (
    Clock,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(ledger_url: str, clock: Clock) -> Iterator[Ledger]:
    with closing(Ledger.open(ledger_url, clock)) as opened:
        yield opened
