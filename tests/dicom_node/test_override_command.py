"""`cxr-node requeue --anyway`: the page's Analyse anyway, for who has no page."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dicom_node.__main__ import main
from dicom_node.config import parse
from dicom_node.ledger import JobState, Ledger
from tests.dicom_node.ledger.records import claimed, state

REFUSAL = "not a frontal view (View Position LL)"
NEVER = "SOP Class is not CR, DX or Secondary Capture (SOP Class CT Image Storage)"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Two that may be analysed anyway, one that never can be, one that failed."""
    with closing(Ledger.open(parse({"node": {"state": tmp_path}}).ledger_url)) as ledger:
        for number, reason in ((1, REFUSAL), (2, REFUSAL), (3, NEVER)):
            ledger.handover.skipped(claimed(ledger, number=number).id, "w1", reason)
        ledger.handover.failed(claimed(ledger, number=4).id, "w1", "undecodable")
        yield ledger


def requeue(tmp_path: Path, *arguments: str) -> int:
    return main(["requeue", "--state-dir", str(tmp_path), *arguments])


def test_one_is_analysed_anyway_and_who_and_why_stays_with_it(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert requeue(tmp_path, "--job", "1", "--anyway", "it is frontal") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"1 1.2.3.1 refused: {REFUSAL}"
    assert "undetermined" in said[1]
    assert said[-1] == "job 1 is analysed although it was refused"
    assert [state(ledger, one) for one in (1, 2)] == [JobState.RECEIVED, JobState.SKIPPED]
    assert main(["job", "1", "--state-dir", str(tmp_path)]) == 0
    said = capsys.readouterr().out.splitlines()
    (place,) = [n for n, text in enumerate(said) if "asked for although refused" in text]
    assert said[place + 1].endswith(": it is frontal")
    assert main(["job", "1", "--json", "--state-dir", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["override"]["refusal"] == REFUSAL


def test_a_dry_run_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    assert requeue(tmp_path, "--job", "1", "--anyway", "a try", "--dry-run") == 0
    assert state(ledger, 1) is JobState.SKIPPED
    assert ledger.requeue.override_of(1) is None


@pytest.mark.parametrize(
    ("job_id", "why"), [("3", "cannot be analysed at all: SOP Class"), ("4", "is FAILED")]
)
def test_of_what_cannot_be_it_says_why(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str], job_id: str, why: str
) -> None:
    assert requeue(tmp_path, "--job", job_id, "--anyway", "please") == 1
    assert why in capsys.readouterr().out
    assert ledger.requeue.override_of(int(job_id)) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--job", "1", "--anyway", " "), "say why"),
        (("--state", "SKIPPED", "--anyway", "all"), "--job or --sop-instance-uid alone"),
        (("--study", "1.2.9", "--anyway", "all"), "--job or --sop-instance-uid alone"),
        (("--job", "1", "--job", "2", "--anyway", "both"), "one image at a time"),
    ],
)
def test_each_has_a_reason_and_somebodys_look(
    ledger: Ledger,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    assert requeue(tmp_path, *arguments) == 2
    assert said in capsys.readouterr().err
    assert state(ledger, 1) is JobState.SKIPPED


def test_an_image_that_was_rejected_stays_so(ledger: Ledger) -> None:
    note = claimed(ledger, number=9)
    ledger.rejections.rejected(note, "w1", ["1.2.3.1"], "113001", "rejected: Quality Reasons")
    assert not ledger.requeue.can_override(1)
