"""The report of the silent weeks: counted from a real ledger, and nothing of a patient in it."""

import json
from datetime import UTC, datetime, timedelta
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dicom_node.__main__ import main
from dicom_node.cli.trial.figures import Agreement, figures_of
from dicom_node.cli.trial.reports import read_reports
from dicom_node.config import parse
from dicom_node.errors import UsageError
from dicom_node.ledger import (
    FindingsRecord,
    InstanceKind,
    JobState,
    Ledger,
    Origin,
    StoredInstance,
)
from inference.findings import Caution

DX, CT = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.2"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A node that has analysed eight radiographs of two devices."""
    state = tmp_path / "state"
    state.mkdir()
    ledger = Ledger.open(parse({"node": {"state": state}}).ledger_url)
    seen = [("ACME", "positive", 40.0), ("ACME", "positive", 20.0), ("ACME", "negative", 0.0),
            (HOSTILE, "negative", 0.0), (HOSTILE, "undetermined", None)]  # fmt: skip
    for number, (maker, decision, percent) in enumerate(seen):
        job = accepted(ledger, number, maker)
        why = "signs too faint" if percent is None else f"of instance 2.25.{10**20}"
        found = FindingsRecord(
            decision, why, percent, percent, percent, ("under_18", "of_a_later_version")
        )
        ledger.jobs.claim(job, "p", "w", 60)
        ledger.handover.built(job, "w", [], [], findings=found)
    job = accepted(ledger, 5, "ACME")
    ledger.jobs.claim(job, "p", "w", 60)
    ledger.handover.skipped(job, "w", "not a frontal view (View Position LL)")
    job = accepted(ledger, 6, "ACME")
    ledger.jobs.claim(job, "p", "w", 60)
    ledger.handover.failed(
        job, "w", "instance 2.25.1234567890123: cut short", "", built=[], routes=[]
    )
    ledger.jobs.passed_over(accepted(ledger, 7, "ACME", CT, InstanceKind.OTHER), "CT")
    accepted(ledger, 8, "ACME")
    ledger.close()
    return state


def accepted(
    ledger: Ledger, number: int, maker: str, sop_class: str = DX,
    kind: InstanceKind = InstanceKind.RADIOGRAPH,
) -> int:  # fmt: skip
    origin = Origin(f"A-{number}", "hash", "hash", "", maker, "Model", "ROOM1")
    uid = f"2.25.4711{number}"
    instance = StoredInstance(sop_class, uid, f"{uid}.1", f"{uid}.2", "1.2.840.10008.1.2.1", "PACS",
                              f"received/{number}", f"{number}" * 64, 1, kind, origin)  # fmt: skip
    return ledger.jobs.accept(instance, "p").job_id


def document(capsys: pytest.CaptureFixture[str], state: Path, *arguments: str) -> dict[str, object]:
    assert main(["acceptance", "--state", str(state), "--json", *arguments]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_what_came_is_counted_by_state_decision_and_device(state: Path) -> None:
    ledger = Ledger.open(parse({"node": {"state": state}}).ledger_url)
    now = ledger.now()
    figures = figures_of(
        ledger.trial.cases(now - timedelta(days=1), now), now - timedelta(days=1), now
    )
    ledger.close()
    assert figures.all.received == 8
    assert figures.all.decisions == {"positive": 2, "negative": 2, "undetermined": 1}
    assert figures.all.states[JobState.FAILED] == figures.all.states[JobState.RECEIVED] == 1
    assert figures.not_radiographs == 1
    assert [(group.name, group.received) for group in figures.devices] == [
        ("ACME Model ROOM1", 6), (f"{HOSTILE} Model ROOM1", 2),
    ]  # fmt: skip
    assert figures.all.percent.median == 10.0
    assert figures.skipped == [("not a frontal view (View Position LL)", 1)]
    assert figures.failed == [("instance …: cut short", 1)]
    assert figures.undetermined == [("signs too faint", 1)]
    assert figures.cautions == [("under_18", 5), ("of_a_later_version", 5)]
    assert figures.took_s.median is not None
    assert list(figures.days) == [now.date()]


def test_decisions_are_compared_with_what_readers_said(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # positive; negative; A-4 undetermined; A-99 never came.
    said = tmp_path / "readers.csv"
    said.write_text(
        "Infected;Accession_Number\nyes;A-0\nno;A-1\nyes;A-2\nno;A-3\n1;A-4\n;A-8\n0;A-99\n"
    )
    found = document(capsys, state, "--against", str(said))
    agreement = found["agreement"]
    assert isinstance(agreement, dict)
    assert agreement["infected"] == {"positive": 1, "negative": 1, "undetermined": 1}
    assert agreement["healthy"] == {"positive": 1, "negative": 1, "undetermined": 0}
    assert agreement["sensitivity"][0] == pytest.approx(1 / 3)
    assert found["unmatched"] == 1


def test_an_interval_is_that_of_wilson() -> None:
    """81 of 263: 25.5 % to 36.6 % (Newcombe 1998, table I, method 3)."""
    found = Agreement({"positive": 81, "negative": 182, "undetermined": 0},
                      {"positive": 0, "negative": 0, "undetermined": 0})  # fmt: skip
    assert found.sensitivity == pytest.approx((81 / 263, 0.2553, 0.3662), abs=1e-4)
    assert found.specificity is None


def test_the_page_has_no_patient_in_it_and_stays_text(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    assert main(["acceptance", "--state", str(state), "--out", str(out)]) == 0
    assert "8 radiographs, 5 analysed: 2 positive, 2 negative, 1 undetermined" in (
        capsys.readouterr().out
    )
    text = out.read_text()
    tags: set[str] = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, _attributes: object) -> None:
            tags.add(tag)

    Tags().feed(text)
    assert "script" not in tags
    assert "http" not in text
    assert not any(word in text for word in ("A-0", "A-3", "2.25.", "4711", "hash"))
    assert "&lt;script&gt;" in text
    assert "median 10.0 %" in text
    # In the words of the reports; a code of another version's stays one.
    assert escape(Caution.UNDER_18.text) in text
    assert "under_18" not in text
    assert "of_a_later_version" in text


def test_a_time_in_which_nothing_came_is_said(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = datetime.now(UTC) - timedelta(days=2)
    out = str(tmp_path / "report.html")
    arguments = ["acceptance", "--state", str(state), "--out", out, "--until", before.isoformat()]
    assert main(arguments) == 1
    assert "0 radiographs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a,b\n", "has no column accession_number and no column infected"),
        ("accession_number,infected\nA-4711,perhaps\n", "line 2: infected is 'perhaps'"),
    ],
)
def test_what_cannot_be_understood_is_named_without_its_number(
    text: str, fault: str, tmp_path: Path
) -> None:
    path = tmp_path / "readers.csv"
    path.write_text(text)
    with pytest.raises(UsageError) as refused:
        read_reports(path)
    assert fault in str(refused.value)
    assert "A-4711" not in str(refused.value)
