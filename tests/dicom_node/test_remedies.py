"""What `status` says that can be done about a failure or a refusal."""

from datetime import UTC, datetime

import pytest

from dicom_node.ledger import Failure, Refusal
from dicom_node.ops.remedies import refusal_remedy, remedy


@pytest.mark.parametrize(
    ("event", "error", "reason", "said"),
    [
        ("failed", "Undecodable", "cut short", "send it again from where it was made"),
        ("failed", "DamagedInSpool", "is missing", "check the disk"),
        ("failed", "InvalidResult", "no lungs", "requeue --sop-instance-uid 1.2.3"),
        ("failed", "KeyError", "unexpected", "report it with the traceback"),
        ("given up after its workers vanished", "", "died 4 times", "out of memory"),
    ],
)
def test_the_remedy_is_one_that_can_work(event: str, error: str, reason: str, said: str) -> None:
    assert said in remedy(Failure("1.2.3", datetime.now(UTC), reason, event, error))


@pytest.mark.parametrize(
    ("is_lost", "said"), [(False, "ask why the destination refuses it"), (True, "check the disk")]
)
def test_so_is_that_of_what_was_refused_or_lost(is_lost: bool, said: str) -> None:
    told = refusal_remedy(Refusal("1.2.3", "PACS", datetime.now(UTC), "why", 1, is_lost))
    assert said in told
    assert "requeue --outcome REFUSED --sop-instance-uid 1.2.3" in told
