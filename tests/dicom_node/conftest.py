"""What the node's own tests share."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dicom_node.queueing import Queues
from tests.dicom_node.listening import Running


@pytest.fixture
def queues(broker_url: str, queue_prefix: str, tmp_path: Path) -> Iterator[Queues]:
    with closing(Queues(broker_url, tmp_path, prefetch=1, prefix=queue_prefix)) as made:
        yield made


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(**options: object) -> Running:
        started.append(Running(tmp_path, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()
