"""What `status` says that can be done about a failure."""

from datetime import UTC, datetime

import pytest

from dicom_node.ledger import Failure
from dicom_node.ops.remedies import remedy


@pytest.mark.parametrize(
    ("event", "error", "reason", "said"),
    [
        ("failed", "Undecodable", "cut short", "send it again from where it was made"),
        ("failed", "DamagedInSpool", "is missing", "check the disk"),
        ("failed", "InvalidResult", "no lungs", "requeue --sop-instance-uid 1.2.3"),
        ("failed", "KeyError", "unexpected", "report it with the traceback"),
        ("given up after its workers vanished", "", "died 4 times", "out of memory"),
        ("not all delivered", "", "0x0110", "ask why the destination refuses it"),
        ("not all delivered", "", "damaged and could not be built again: x", "check the disk"),
        ("not all delivered", "", "building it again 3 times did not help", "check the disk"),
    ],
)
def test_the_remedy_is_one_that_can_work(event: str, error: str, reason: str, said: str) -> None:
    assert said in remedy(Failure("1.2.3", datetime.now(UTC), reason, event, error))
