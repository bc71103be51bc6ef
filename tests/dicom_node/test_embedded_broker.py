"""The embedded broker's files: broken ones, strange ones, and a folder that is not there."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import pytest

from dicom_node.errors import BrokerUnavailable, UsageError
from dicom_node.queueing import Kind, Queues, Received
from tests.dicom_node.queue_tools import WITHIN_S, consuming


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Queues]:
    with closing(Queues("filesystem://", tmp_path, prefetch=1)) as made:
        yield made


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b"null", b"{}", b'{"body": "e30=", "properties": {}}'],
)
def test_a_broken_message_file_does_not_stop_the_consumer(
    embedded: Queues, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    received: SimpleQueue[Received] = SimpleQueue()
    embedded.publish(Kind.JOB, 1)
    (tmp_path / "cxr.jobs" / "00000000000000000001-broken.json").write_bytes(content)
    with consuming(embedded, received.put):
        assert received.get(timeout=WITHIN_S).id == 1
    assert embedded.depth(Kind.JOB) == 0
    assert len(caplog.records) == 1


def test_what_cannot_be_taken_is_said_once_and_left(
    embedded: Queues, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    received: SimpleQueue[Received] = SimpleQueue()
    embedded.publish(Kind.JOB, 1)
    (tmp_path / "cxr.jobs" / "00000000000000000001-folder.json").mkdir()
    with consuming(embedded, received.put):
        for number in (1, 2, 3):
            assert received.get(timeout=WITHIN_S).id == number
            embedded.publish(Kind.JOB, number + 1)
    assert [r.message for r in caplog.records] == ["could not take a message"]


def test_a_queue_folder_that_vanishes_is_made_again(embedded: Queues, tmp_path: Path) -> None:
    received: SimpleQueue[Received] = SimpleQueue()
    with consuming(embedded, received.put):
        embedded.publish(Kind.JOB, 1)
        assert received.get(timeout=WITHIN_S).id == 1
        (tmp_path / "cxr.jobs").rmdir()
        embedded.publish(Kind.JOB, 2)
        assert received.get(timeout=WITHIN_S).id == 2


def test_an_embedded_broker_that_cannot_write_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "queue").write_text("in the way")
    queues = Queues("filesystem://", tmp_path / "queue", prefetch=1)
    with pytest.raises(BrokerUnavailable, match="NotADirectoryError"):
        queues.publish(Kind.JOB, 1)


def test_an_embedded_broker_without_a_folder_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        Queues("filesystem://", None, prefetch=1)
