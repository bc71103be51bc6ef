"""A ledger that is older than its spool, or gone: what was accepted is found again, no more."""

import hashlib
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import UID, CTImageStorage

from dicom_node.config import parse
from dicom_node.demo.modality import send
from dicom_node.errors import SUCCESS
from dicom_node.ledger import Instance, JobState, Kept, Ledger, Priority, Search
from dicom_node.ledger.copies import copy_ledger, put_back
from dicom_node.ledger.work.marks import FOUND
from dicom_node.ops.backup import restore
from dicom_node.ops.finding import Finding
from dicom_node.spool import Spool
from tests.dicom_node.ledger.records import built, deliver, happened, output, to
from tests.dicom_node.listening import PIPELINE, Running
from tests.dicom_node.radiographs import changed, file_bytes, radiograph

NEVER = threading.Event()


@cache
def drawn() -> Dataset:
    return radiograph()


def image(number: int, **attributes: object) -> Dataset:
    uid = f"1.2.826.0.1.3680043.8.498.{number}"
    given = {"SOPInstanceUID": uid, "AccessionNumber": f"A-{number}"} | attributes
    made = changed(drawn(), **given)
    made.file_meta.MediaStorageSOPInstanceUID = UID(uid)
    return made


def ledger_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'ledger.sqlite'}"


def accept(folder: Path, *images: Dataset) -> None:
    """As a node does; its ledger is left closed."""
    node = Running(folder)
    try:
        assert node.send(*images) == [SUCCESS] * len(images)
    finally:
        node.close()


def look(folder: Path) -> int:
    """As a worker does at its start."""
    with closing(Ledger.open(ledger_url(folder))) as ledger:
        return Finding(ledger, Spool(folder / "spool"), PIPELINE).look(NEVER)


def known(folder: Path) -> dict[str, Instance]:
    with closing(Ledger.open(ledger_url(folder))) as ledger:
        return {one.stored.origin.accession_number: one for one in ledger.instances.find(Search())}


def test_what_came_after_the_backup_is_found_as_it_came(tmp_path: Path) -> None:
    accept(tmp_path, image(1))
    assert look(tmp_path) == 0
    copy = tmp_path / "copy.sqlite"
    copy_ledger(ledger_url(tmp_path), copy)
    # The mark is renewed after a backup, and every ten minutes.
    assert look(tmp_path) == 0
    accept(tmp_path, image(2), image(3, SOPClassUID=str(CTImageStorage)))
    before = known(tmp_path)
    put_back(ledger_url(tmp_path), copy)
    assert known(tmp_path).keys() == {"A-1"}
    assert look(tmp_path) == 2
    after = known(tmp_path)
    for accession in ("A-2", "A-3"):
        was, now = before[accession], after[accession]
        # To the microsecond: it becomes the content time of what is built.
        assert now.received_at == was.received_at
        assert now.stored.sha256 == was.stored.sha256
        assert now.stored.origin == was.stored.origin
    with closing(Ledger.open(ledger_url(tmp_path))) as ledger:
        jobs = {one.stored.origin.accession_number: ledger.jobs.of_instance(
            one.stored.sop_instance_uid) for one in after.values()}  # fmt: skip
        assert [job.state for job in jobs["A-2"]] == [JobState.RECEIVED]
        assert [job.state for job in jobs["A-3"]] == [JobState.SKIPPED]
        (received,) = ledger.reports.events(jobs["A-2"][0].id)
        assert received.detail == FOUND
        # Recovery hands it to a worker at once.
        waiting = ledger.jobs.waiting(PIPELINE, 10, ledger.now())
        assert jobs["A-2"][0].id in waiting
    assert look(tmp_path) == 0


def test_a_copy_that_was_never_marked_is_seen_to_be_one(tmp_path: Path) -> None:
    """As one made before an upgrade, whose migration brings the mark."""
    accept(tmp_path, image(1))
    (tmp_path / "backup" / "ledger").mkdir(parents=True)
    copy_ledger(ledger_url(tmp_path), tmp_path / "backup" / "ledger" / "before.sqlite")
    assert look(tmp_path) == 0
    accept(tmp_path, image(2))
    restore(parse({"node": {"state": tmp_path}}), tmp_path / "backup")
    assert known(tmp_path).keys() == {"A-1"}
    assert look(tmp_path) == 1
    assert known(tmp_path).keys() == {"A-1", "A-2"}


def test_a_ledger_that_is_gone_is_made_anew_from_the_spool(tmp_path: Path) -> None:
    accept(tmp_path, image(1), image(2))
    for file in tmp_path.glob("ledger.sqlite*"):
        file.unlink()
    assert look(tmp_path) == 2
    assert known(tmp_path).keys() == {"A-1", "A-2"}


def test_a_node_that_is_upgraded_does_not_search_what_it_once_refused(tmp_path: Path) -> None:
    accept(tmp_path, image(1))
    Spool(tmp_path / "spool").store_received("1.2.3", file_bytes(image(2)))
    assert look(tmp_path) == 0


def forget_mark(folder: Path) -> None:
    """As after a restore."""
    (folder / "spool" / "mark").unlink(missing_ok=True)


def refused(folder: Path, one: Dataset, later: timedelta) -> None:
    """Its file was kept and its job was not, since the ledger was away just then."""
    spool = Spool(folder / "spool")
    stored = spool.store_received(one.SOPInstanceUID, file_bytes(one))
    with closing(Ledger.open(ledger_url(folder))) as ledger:
        spool.date(stored.path, ledger.now() + later)


@pytest.mark.parametrize(("later", "is_newer"), [(-1, False), (1, True)])
def test_of_two_copies_of_an_instance_the_later_counts(
    tmp_path: Path, later: int, is_newer: bool
) -> None:
    accept(tmp_path, image(1))
    assert look(tmp_path) == 0
    with closing(Ledger.open(ledger_url(tmp_path))) as ledger:
        build(ledger, image(1).SOPInstanceUID)
    other = image(1, AccessionNumber="corrected")
    refused(tmp_path, other, timedelta(hours=later))
    forget_mark(tmp_path)
    assert look(tmp_path) == is_newer
    with closing(Ledger.open(ledger_url(tmp_path))) as ledger:
        (job,) = ledger.jobs.of_instance(other.SOPInstanceUID)
    # As the listener had it.
    assert (job.sha256 == hashlib.sha256(file_bytes(other)).hexdigest()) == is_newer


def test_each_copy_of_an_instance_has_the_results_that_it_had(tmp_path: Path) -> None:
    """UIDs of results are of an issue: those of the first copy must not come to name others."""
    uid = image(1).SOPInstanceUID
    accept(tmp_path, image(1))
    with closing(Ledger.open(ledger_url(tmp_path))) as ledger:
        build(ledger, uid)
    accept(tmp_path, image(1, AccessionNumber="corrected"))
    with closing(Ledger.open(ledger_url(tmp_path))) as ledger:
        (before,) = ledger.jobs.of_instance(uid)
    for file in tmp_path.glob("ledger.sqlite*"):
        file.unlink()
    with closing(Ledger.open(ledger_url(tmp_path))) as ledger:
        finding = Finding(ledger, Spool(tmp_path / "spool"), PIPELINE)
        assert [finding.look(NEVER) for _ in range(2)] == [1, 0]
        build(ledger, uid)
        assert [finding.look(NEVER) for _ in range(2)] == [1, 0]
        (job,) = ledger.jobs.of_instance(uid)
        assert (job.issue, job.sha256, job.received_at) == (1, before.sha256, before.received_at)
        assert before.issue == 1


def build(ledger: Ledger, uid: str) -> None:
    (job,) = ledger.jobs.of_instance(uid)
    assert ledger.jobs.claim(job.id, PIPELINE, "w1", 60.0) is not None
    ledger.handover.built(job.id, "w1", [output("SEG")], to("PACS"))


def test_what_was_purged_is_not_found_again(tmp_path: Path) -> None:
    with closing(Ledger.open(ledger_url(tmp_path))) as ledger:
        job_id = built(ledger, "PACS")
        deliver(ledger)
        now = ledger.now() + timedelta(days=1)
        assert ledger.pruning.forget(Kept(now, None), [job_id], lambda _paths: None) == 1
    left = changed(drawn(), SOPInstanceUID="1.2.3.1")
    left.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.1")
    refused(tmp_path, left, -timedelta(hours=1))
    assert look(tmp_path) == 0


def test_a_file_that_is_damaged_keeps_nothing_else_from_being_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    accept(tmp_path, image(1), image(2))
    first = known(tmp_path)["A-1"]
    (tmp_path / "spool" / first.stored.path).write_bytes(b"cut short")
    for file in tmp_path.glob("ledger.sqlite*"):
        file.unlink()
    assert look(tmp_path) == 1
    assert known(tmp_path).keys() == {"A-2"}
    (said,) = [one for one in caplog.records if one.message == "a forgotten file is lost"]
    assert "damaged" in vars(said)["reason"]


def test_a_search_that_is_interrupted_begins_again(tmp_path: Path) -> None:
    accept(tmp_path, image(1))
    for file in tmp_path.glob("ledger.sqlite*"):
        file.unlink()
    stopped = threading.Event()
    stopped.set()
    with closing(Ledger.open(ledger_url(tmp_path))) as ledger:
        finding = Finding(ledger, Spool(tmp_path / "spool"), PIPELINE)
        assert finding.look(stopped) == 0
        assert finding.look(NEVER) == 1
        assert happened(ledger, 1) == ["received"]


def test_a_copy_made_while_instances_come_is_whole(tmp_path: Path) -> None:
    node = Running(tmp_path)
    images = [image(number) for number in range(12)]
    sender = threading.Thread(target=send, args=(images, "127.0.0.1", node.listener.port))
    try:
        sender.start()
        for number in range(5):
            copy = tmp_path / f"{number}.sqlite"
            copy_ledger(ledger_url(tmp_path), copy)
            with closing(sqlite3.connect(copy)) as opened:
                assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                assert opened.execute("PRAGMA foreign_key_check").fetchall() == []
                counts = opened.execute(
                    "SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM instances)"
                ).fetchone()
                assert counts[0] == counts[1]
            assert oct(copy.stat().st_mode & 0o777) == "0o600"
    finally:
        sender.join()
        node.close()


def test_what_is_found_goes_behind_what_comes_now_but_for_what_is_urgent(tmp_path: Path) -> None:
    today = {"AcquisitionDate": f"{datetime.now(UTC):%Y%m%d}"}
    urgent = {"RequestedProcedurePriority": "STAT"} | today
    accept(tmp_path, image(1, **today), image(2, **urgent))
    for file in tmp_path.glob("ledger.sqlite*"):
        file.unlink()
    assert look(tmp_path) == 2
    with closing(Ledger.open(ledger_url(tmp_path))) as ledger:
        found = [ledger.jobs.of_instance(str(image(n).SOPInstanceUID)) for n in (1, 2)]
    assert [[job.priority for job in jobs] for jobs in found] == [[Priority.LOW], [Priority.STAT]]
