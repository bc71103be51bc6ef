"""What the node's own tests share."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dicom_node.queueing import Queues


@pytest.fixture
def queues(broker_url: str, queue_prefix: str, tmp_path: Path) -> Iterator[Queues]:
    with closing(Queues(broker_url, tmp_path, prefetch=1, prefix=queue_prefix)) as made:
        yield made
