"""What the node's own tests share."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Unpack

import pytest

from dicom_node.config import Caller, CorrectionsSection, PrioritySection
from dicom_node.network.tls import Renewed
from dicom_node.queueing import Queues
from inference.engines import Engine
from tests.dicom_node.bench import Bench
from tests.dicom_node.listening import NodeKeys, Running, Start


@pytest.fixture
def bench(tmp_path: Path, engine: Engine) -> Iterator[Bench]:
    bench = Bench(tmp_path, engine)
    with closing(bench.ledger), closing(bench.queues):
        yield bench


@pytest.fixture
def queues(broker_url: str, queue_prefix: str, tmp_path: Path) -> Iterator[Queues]:
    with closing(Queues(broker_url, tmp_path, prefetch=1, prefix=queue_prefix)) as made:
        yield made


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Start]:
    started: list[Running] = []

    def start(
        callers: Sequence[Caller] = (),
        tls: Renewed | None = None,
        priority: PrioritySection = PrioritySection(),  # noqa: B008 - frozen
        corrections: CorrectionsSection = CorrectionsSection(),  # noqa: B008 - frozen
        **keys: Unpack[NodeKeys],
    ) -> Running:
        made = Running(tmp_path, callers, tls, priority=priority, corrections=corrections, **keys)
        started.append(made)
        return started[-1]

    yield start
    for one in started:
        one.close()
