"""`cxr-node jobs` and `find` as an operator uses them, on ledgers made by the ledger itself."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Unpack

import pytest

from dicom_node.__main__ import main
from dicom_node.config import parse
from dicom_node.ledger import (
    REJECTION_NOTE,
    FindingsRecord,
    Kept,
    Ledger,
    Origin,
    Route,
    Verify,
)
from dicom_node.patients import Patients
from dicom_node.spool import Spool
from tests.dicom_node.ledger.records import OTHER, PIPELINE, Changes, Clock, instance, output

PATIENT = "PID-4711-Mustermann"
HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\nFAILED\u202e" + 70_000 * "z"


@dataclass
class Desk:
    """A ledger, and a person with a terminal."""

    state: Path
    capsys: pytest.CaptureFixture[str]
    ledger: Ledger

    def __call__(self, *words: str, code: int = 0) -> str:
        assert main([words[0], "--state-dir", str(self.state), *words[1:]]) == code
        said = self.capsys.readouterr()
        assert PATIENT not in said.out + said.err
        return said.out

    def receive(self, number: int, **changes: Unpack[Changes]) -> int:
        stored = instance(number, **changes)
        return self.ledger.jobs.accept(stored, PIPELINE).job_id

    def build(self, number: int, accession: str = "", patient: str = "") -> int:
        """One whose SEG the destination has, and whose SR it refused."""
        hashed = Patients.of(Spool(self.state / "spool")).hash(patient)
        job_id = self.receive(number, origin=Origin(accession, hashed))
        assert self.ledger.jobs.claim(job_id, PIPELINE, "w1", 60.0)
        self.ledger.handover.built(
            job_id, "w1", [output("SEG", number), output("SR", number)],
            [Route("PACS", ("SEG", "SR"))],
            FindingsRecord("positive", "infection in both lungs", 12.5, 3.0, 7.75),
        )  # fmt: skip
        seg, sr = self.ledger.deliveries.claim("PACS", "s1", 60.0, 10)
        self.ledger.deliveries.delivered(seg.id, "s1", 0x0000)
        self.ledger.deliveries.refused(sr.id, "s1", 0x0124, "PACS: SR: not authorised")
        return job_id


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    with closing(Ledger.open(parse({"node": {"state": tmp_path}}).ledger_url, Clock())) as ledger:
        yield Desk(tmp_path, capsys, ledger)


def listed(said: str) -> list[int]:
    return [int(line.split()[0]) for line in said.splitlines()]


def test_an_image_is_followed_from_its_receipt_to_each_destination(desk: Desk) -> None:
    desk.build(1, "A-1001", PATIENT)
    said = desk("find", "A-1001").splitlines()
    assert said == [
        "job 1: BUILT, a result was refused, given up or lost",
        "  accession A-1001",
        "  study     1.2.9",
        "  instance  1.2.3.1",
        "  received  2026-03-01 12:00:00 from PACS, ROUTINE",
        "  analysed  2026-03-01 12:00:00 positive (left 12.5 %, right 3.0 %, both 7.8 %)",
        "  SEG to PACS: DELIVERED 2026-03-01 12:00:00, 1 attempt, answered 0x0000 Success",
        "  SR to PACS: REFUSED 2026-03-01 12:00:00, 1 attempt, answered 0x0124 Refused:"
        " Not Authorised: SR: not authorised",
        "    to do: ask why the destination refuses it; once it takes it, cxr-node requeue --job 1"
        " --state REFUSED (another preset under [[destination]] concerns later images only)",
        "  more: cxr-node job 1",
    ]


def test_a_refused_rejection_note_leaves_what_it_names_and_says_what_to_do(desk: Desk) -> None:
    desk.build(1)
    accepted = desk.ledger.jobs.accept(instance(1, sha256=OTHER, path="other.dcm"), PIPELINE)
    assert desk.ledger.jobs.claim(accepted.job_id, PIPELINE, "w1", 60.0)
    (old,) = desk.ledger.issues.earlier(1, ()).arrived
    note = output(REJECTION_NOTE, 2)
    desk.ledger.issues.to_be_retracted(1, [old.delivery_id], note.sop_instance_uid)
    desk.ledger.handover.built(1, "w1", [note], [Route("PACS", (REJECTION_NOTE,))])
    (sent,) = desk.ledger.deliveries.claim("PACS", "s1", 60.0, 10)
    desk.ledger.deliveries.refused(sent.id, "s1", None, "PACS does not accept rejection note")
    said = desk("find", "1.2.3.1").splitlines()
    assert (
        "  SEG to PACS: DELIVERED 2026-03-01 12:00:00, 1 attempt, answered 0x0000 Success:"
        f" to be taken back by note {note.sop_instance_uid}" in said
    )
    assert any("remove the earlier SEG and SC there by hand" in line for line in said)
    assert "remove the earlier SEG and SC there by hand" in desk("status")
    desk.ledger.repairs.redeliver([1], "me@host")
    for one in desk.ledger.deliveries.claim("PACS", "s1", 60.0, 10):
        desk.ledger.deliveries.delivered(one.id, "s1", 0x0000)
    (seg,) = (one for one in desk("job", "1").splitlines() if "  SEG to PACS: RETRACTED" in one)
    assert seg.endswith(f": taken back by note {note.sop_instance_uid}")


@pytest.mark.parametrize(
    "text", ["A-1001", PATIENT, "1.2.3.1", " 1.2.3.1 ", "2.25.1.SR"], ids=str.strip
)
def test_it_is_found_by_number_patient_and_uid(desk: Desk, text: str) -> None:
    desk.build(1, "A-1001", PATIENT)
    desk.build(2, "A-1002", "another")
    (found,) = json.loads(desk("find", text, "--json"))
    assert (found["id"], found["accession_number"]) == (1, "A-1001")
    assert found["findings"]["decision"] == "positive"
    assert [one["state"] for one in found["deliveries"]] == ["DELIVERED", "REFUSED"]
    assert found["deliveries"][1]["status_in_words"] == "0x0124 Refused: Not Authorised"


def test_a_study_or_series_has_several_and_the_newest_comes_first(desk: Desk) -> None:
    desk.build(1)
    desk.build(2)
    for uid in ("1.2.9", "1.2.9.1", "2.25.5"):
        assert [one["id"] for one in json.loads(desk("find", uid, "--json"))] == [2, 1]


@pytest.mark.parametrize("text", ["A-1", "%", "1.2.3", "no-such-patient"])
def test_nothing_is_found_by_what_is_not_there_or_only_a_part(desk: Desk, text: str) -> None:
    desk.build(1, "A-1001", PATIENT)
    desk.receive(2)
    assert desk("find", text, code=1) == "nothing was found\n"
    assert json.loads(desk("find", text, "--json", code=1)) == []


def test_to_look_for_nothing_is_a_wrong_use(desk: Desk) -> None:
    desk.receive(1)
    assert desk("find", " ", code=2) == ""


def test_a_patient_is_found_without_knowing_who_gave_out_the_id(desk: Desk) -> None:
    patients = Patients.of(Spool(desk.state / "spool"))
    for number, issuer in enumerate(("HOSPITAL", "ELSEWHERE"), 1):
        hashes = patients.hash(PATIENT, issuer), patients.hash(PATIENT)
        desk.receive(number, origin=Origin(patient_hash=hashes[0], patient_id_hash=hashes[1]))
    both = desk("find", PATIENT)
    assert "job 1: RECEIVED" in both
    assert "job 2: RECEIVED" in both
    only = desk("find", PATIENT, "--issuer", "HOSPITAL")
    assert "job 1: RECEIVED" in only
    assert "job 2" not in only
    desk("find", PATIENT, "--issuer", "NOBODY", code=1)


def test_what_is_looked_for_can_come_from_standard_input(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.build(1, "A-1001", PATIENT)
    monkeypatch.setattr("sys.stdin", StringIO(f"{PATIENT}\n"))
    assert desk("find", "-").startswith("job 1: BUILT, ")


def test_what_waits_failed_or_was_skipped_says_so(desk: Desk) -> None:
    desk.receive(1)
    waits = (
        "  not analysed yet: waits for a worker (cxr-node status);"
        " cxr-node job 1 --priority STAT lets it go first"
    )
    assert waits in desk("find", "1.2.3.1").splitlines()
    assert desk.ledger.jobs.claim(1, PIPELINE, "w1", 60.0)
    desk.ledger.handover.skipped(1, "w1", "a lateral view")
    said = desk("find", "1.2.3.1").splitlines()
    assert (said[0], "  reason    a lateral view" in said) == ("job 1: SKIPPED", True)


def test_jobs_are_listed_the_newest_first_and_by_what_is_asked(desk: Desk) -> None:
    desk.build(1, "A-1001")
    desk.receive(2)
    desk.ledger.jobs.claim(2, PIPELINE, "w1", 60.0)
    desk.ledger.handover.failed(2, "w1", "undecodable")
    desk.receive(3, study_instance_uid="1.2.8", origin=Origin("A-1003"))
    assert listed(desk("jobs")) == [3, 2, 1]
    assert listed(desk("jobs", "--limit", "2")) == [3, 2]
    assert listed(desk("jobs", "--state", "failed", "--state", "RECEIVED")) == [3, 2]
    assert listed(desk("jobs", "--state", "REFUSED")) == [1]
    assert listed(desk("jobs", "--accession", "A-1001", "--accession", "A-1003")) == [3, 1]
    assert listed(desk("jobs", "--study", "1.2.8")) == [3]
    assert listed(desk("jobs", "--study", "1.2.8", "--since", "2026-03-01")) == [3]
    assert desk("jobs", "--since", "2999-01-01", code=1) == "none\n"
    assert desk("jobs", "--accession", "A-1001") == (
        "1  2026-03-01 12:00:00  BUILT  ROUTINE  A-1001  1.2.3.1  positive  1 DELIVERED,"
        " 1 REFUSED\n"
    )
    (newest,) = json.loads(desk("jobs", "--json", "--limit", "1"))
    assert (newest["id"], newest["priority"]) == (3, "ROUTINE")
    assert main(["jobs", "--state", "LOST", "--state-dir", str(desk.state)]) == 2


def test_what_was_refused_can_be_sent_again_by_its_accession_number(desk: Desk) -> None:
    desk.build(1, "A-1001")
    desk.build(2, "A-1002")
    assert "would requeue 0 jobs and 1 delivery" in desk(
        "requeue", "--accession", "A-1001", "--dry-run"
    )
    assert "requeued 0 jobs and 1 delivery" in desk("requeue", "--accession", "A-1001")
    assert listed(desk("jobs", "--state", "REFUSED")) == [2]
    assert listed(desk("jobs", "--state", "WAITING")) == [1]


def test_hostile_text_is_harmless_and_short(desk: Desk) -> None:
    odd: Changes = {
        "study_instance_uid": HOSTILE,
        "calling_aet": HOSTILE,
        "series_instance_uid": HOSTILE,
        "origin": Origin(HOSTILE),
    }
    desk.receive(1, **odd)
    desk.ledger.jobs.claim(1, PIPELINE, "w1", 60.0)
    desk.ledger.handover.failed(1, "w1", HOSTILE)
    for words in (("jobs",), ("find", "1.2.3.1"), ("job", "1"), ("status",),
                  ("requeue", "--job", "1", "--dry-run")):  # fmt: skip
        said = desk(*words)
        assert not set(said) & {"\x1b", "\x07", "\r", "\u202e"}
        assert max(map(len, said.splitlines())) < 500


def test_what_was_purged_is_named_with_its_times(desk: Desk) -> None:
    job_id = desk.build(1, "A-1")
    (seg, sr) = desk.ledger.deliveries.of_job(job_id)
    desk.ledger.repairs.redeliver([job_id], "me")
    (again,) = desk.ledger.deliveries.claim("PACS", "s1", 60.0, 10)
    desk.ledger.deliveries.delivered(again.id, "s1", 0x0000, verify=Verify(1.0, 60.0))
    desk.ledger.verifications.verified([again.id], "asked")
    assert seg.id != again.id == sr.id
    later = desk.ledger.now() + timedelta(days=1)
    assert desk.ledger.pruning.forget(Kept(later, None), [job_id], lambda _paths: None) == 1
    said = desk("find", "1.2.3.1")
    assert said.splitlines() == [
        "purged on 2026-03-01 12:00:00: its results are where they were delivered",
        "  study     1.2.9",
        "  instance  1.2.3.1",
        "  received  2026-03-01 12:00:00",
        "  delivered 2026-03-01 12:00:00, verified 2026-03-01 12:00:00",
    ]
    assert desk("find", "1.2.9") == said
    (document,) = json.loads(desk("find", "--json", "1.2.3.1"))
    assert (document["state"], document["sop_instance_uid"]) == ("PURGED", "1.2.3.1")
    assert "nothing was found" in desk("find", "A-1", code=1)
