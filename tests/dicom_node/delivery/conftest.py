"""A bench and a PACS for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_node.demo.pacs import Pacs
from tests.dicom_node.delivery.archive import Archive
from tests.dicom_node.delivery.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.ledger.close()


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Pacs]:
    with Pacs(tmp_path / "pacs") as pacs:
        yield pacs


@pytest.fixture
def archive() -> Iterator[Archive]:
    with Archive() as archive:
        yield archive
