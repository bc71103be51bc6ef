"""A ledger of the version before with all in flight, migrated, and finished by real parts.

The networks, the worker, the sender and the PACS are real. During a roll-out the version before
goes on writing, to the ledger that its neighbour has migrated.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import Dataset

from dicom_node.config import Reports
from dicom_node.delivery.dicom import DicomCarrier
from dicom_node.delivery.loop import DeliveryLoop
from dicom_node.delivery.sending import Sending
from dicom_node.demo.pacs import Pacs
from dicom_node.ledger import (
    BuiltOutput,
    InstanceKind,
    JobState,
    Ledger,
    Progress,
    Search,
    Selection,
    StoredInstance,
)
from dicom_node.queueing import Queues, Received
from dicom_node.spool import Spool
from dicom_node.worker import Worker, process, spool_output
from inference.engines import Engine
from inference.pipeline import Pipeline, Settings
from sr_writer.equipment import Equipment
from sr_writer.identity import results_digest
from tests.dicom_node.delivery.bench import at
from tests.dicom_node.hearts import heart
from tests.dicom_node.ledger.old_version import AT, OldVersion
from tests.dicom_node.ledger.records import PIPELINE, happened, instance, output, progress, state
from tests.dicom_node.radiographs import file_bytes, radiograph

pytestmark = pytest.mark.slow

SENT = ("SEG", "SR", "SC")


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Pacs]:
    with Pacs(tmp_path / "pacs") as pacs:
        yield pacs


@pytest.fixture
def old(ledger_url: str) -> Iterator[OldVersion]:
    with closing(OldVersion(ledger_url, PIPELINE)) as old:
        yield old


# A migration with all in flight


@dataclass
class Node:
    """Real parts around a spool and a ledger."""

    spool: Spool
    queues: Queues
    engine: Engine
    pacs: Pacs

    @property
    def pipeline(self) -> str:
        return results_digest(Pipeline(self.engine.models))

    def spooled(self, image: Dataset) -> StoredInstance:
        """As a listener of the version before had it."""
        stored = self.spool.store_received(image.SOPInstanceUID, file_bytes(image))
        return StoredInstance(
            image.SOPClassUID, image.SOPInstanceUID, image.StudyInstanceUID,
            image.SeriesInstanceUID, image.file_meta.TransferSyntaxUID, "MODALITY",
            stored.path, stored.sha256, stored.size_bytes,
        )  # fmt: skip

    def results(self, image: Dataset) -> dict[str, BuiltOutput]:
        """As a worker of the version before had built them."""
        processed = process(file_bytes(image), self.engine, Equipment(), AT)
        written = processed.write([*SENT, "PR"])
        return {one.role: spool_output(self.spool, one) for one in written}

    def work(self, ledger: Ledger, job_id: int) -> None:
        worker = Worker(
            self.engine, Settings(), Equipment(), [at(self.pacs)], Reports(), self.spool, ledger,
            self.queues, heart(ledger, "a-new-worker"),
        )  # fmt: skip
        worker.handle(Received(job_id, redelivered=False))

    def send(self, ledger: Ledger) -> None:
        carrier = DicomCarrier(at(self.pacs), "CXRNODE", self.spool)
        sending = Sending("pacs", carrier, self.spool)
        loop = DeliveryLoop(at(self.pacs), sending, ledger, heart(ledger, "a-new-sender"))
        while loop.deliver_due():
            pass


@pytest.fixture
def node(tmp_path: Path, engine: Engine, pacs: Pacs) -> Iterator[Node]:
    with closing(Queues("filesystem://", tmp_path / "queue", prefetch=1)) as queues:
        yield Node(Spool(tmp_path / "spool"), queues, engine, pacs)


def drawn(number: int) -> Dataset:
    image = radiograph()
    image.SOPInstanceUID = f"{image.SOPInstanceUID}.{number}"
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    return image


def test_all_that_was_in_flight_is_finished_after_the_migration(
    ledger_url: str, node: Node
) -> None:
    images = [drawn(number) for number in range(6)]
    with closing(OldVersion(ledger_url, node.pipeline)) as old:
        waiting, held, leaving, delivered, refused, failed = (
            old.accept(node.spooled(image)) for image in images
        )
        dead = {"owner": "dead", "lease_until": AT + timedelta(minutes=1), "attempts": 1}
        old.claim(held, "dead")
        sent_at = {"attempts": 1, "dimse_status": 0}
        for job_id, image in ((leaving, images[2]), (delivered, images[3]), (refused, images[4])):
            study, results = image.StudyInstanceUID, node.results(image)
            old.claim(job_id, "w1")
            old.built(job_id)
            if job_id == leaving:
                # The SR is just being sent by one that has died, the SEG is not accepted.
                old.hand_over(job_id, results["SEG"], study, "SUBSTITUTED", reason="no SEG: PR")
                old.hand_over(job_id, results["PR"], study, "WAITING", stands_in_for="SEG")
                old.hand_over(job_id, results["SR"], study, "WAITING", **dead)
                old.hand_over(job_id, results["SC"], study, "RESERVE", stands_in_for="PR")
            elif job_id == delivered:
                for role in SENT:
                    old.hand_over(job_id, results[role], study, "DELIVERED", **sent_at)
                old.all_delivered(job_id)
            else:
                old.hand_over(job_id, results["SEG"], study, "REFUSED", reason="pacs: no")
                old.hand_over(job_id, results["SR"], study, "DELIVERED", **sent_at)
                old.not_all_delivered(job_id, "pacs: no")
        old.claim(failed, "w1")
        old.failed(failed, "undecodable")
    with closing(Ledger.open(ledger_url)) as ledger:
        assert [state(ledger, job_id) for job_id in (waiting, held, leaving, delivered)] == [
            JobState.RECEIVED, JobState.ANALYZING, JobState.BUILT, JobState.BUILT,
        ]  # fmt: skip
        assert (state(ledger, refused), state(ledger, failed)) == (JobState.BUILT, JobState.FAILED)
        assert len(ledger.deliveries.free_expired()) == 1
        assert ledger.jobs.free_of(["dead"]) == [held]
        assert len(ledger.instances.find(Search())) == 6
        for job_id in (waiting, held):
            node.work(ledger, job_id)
            assert ledger.findings.of_job(job_id) is not None
        (asked,) = ledger.requeue.candidates(Selection(states=["REFUSED"]))
        assert (asked.job_id, asked.is_built, asked.reason) == (refused, True, "pacs: no")
        assert ledger.repairs.redeliver([refused], "me") == 1
        node.send(ledger)
        all_of_them = (waiting, held, leaving, delivered, refused)
        assert ledger.deliveries.progress(all_of_them) == dict.fromkeys(
            all_of_them, Progress.DELIVERED
        )
        # What failed in its analysis begins anew with the image, as ever.
        ledger.jobs.accept(node.spooled(images[5]), node.pipeline)
        node.work(ledger, failed)
        node.send(ledger)
        counts = ledger.reports.summary()
        assert (counts.counts[JobState.BUILT], counts.progress[Progress.DELIVERED]) == (6, 6)
    arrivals = [arrival.sop_instance_uid for arrival in node.pacs.stored]
    assert len(arrivals) == len(set(arrivals))
    # Three of each that was analysed now; PR and SR of one, the SEG of another.
    assert len(arrivals) == 3 * 3 + 2 + 1


def test_what_was_known_of_an_instance_is_carried_over_once(
    ledger_url: str, old: OldVersion
) -> None:
    job_id = old.accept(instance(1, sha256="cd" * 32), issue=1)
    before = {"issue": 0, "standing": True, "received_at": AT - timedelta(hours=1)}
    names = ("study_instance_uid", "series_instance_uid", "transfer_syntax_uid", "calling_aet",
             "path", "sha256", "size_bytes")  # fmt: skip
    kept = {name: getattr(instance(1), name) for name in names}
    old.insert("sources", job_id=job_id, **before, **kept)
    old.accept(instance(1, sha256="cd" * 32), pipeline="another")
    note = instance(2, sop_class_uid="1.2.840.10008.5.1.4.1.1.88.59")
    note_id = old.accept(note)
    old.insert("rejections", sop_instance_uid="1.2.3.3", code="113001", reason="rejected: why",
               note_job_id=note_id, at=AT)  # fmt: skip
    old.accept(instance(4, sop_class_uid="1.2.840.10008.5.1.4.1.1.2"))
    with closing(Ledger.open(ledger_url)) as ledger:
        found = ledger.instances.find(Search(sop_instance_uids=["1.2.3.1"]))
        assert [(one.stored.sha256[:2], one.received_at) for one in found] == [
            ("cd", AT), ("ab", AT - timedelta(hours=1)),
        ]  # fmt: skip
        assert found[1].stored == instance(1)
        kinds = Counter(one.stored.kind for one in ledger.instances.find(Search()))
        assert kinds == {
            InstanceKind.RADIOGRAPH: 2, InstanceKind.CORRECTION: 1, InstanceKind.OTHER: 1,
        }  # fmt: skip
        # New evidence, and a note of before, mean what they meant.
        assert ledger.issues.earlier(job_id, ()).sources[0].standing
        assert ledger.jobs.accept(instance(3), PIPELINE).state is JobState.SKIPPED


# A roll-out: the version before goes on


@pytest.fixture
def ledger(ledger_url: str, old: OldVersion) -> Iterator[Ledger]:
    """Migrated by the first host, while the version before still runs on the second."""
    del old
    with closing(Ledger.open(ledger_url)) as ledger:
        yield ledger


def test_what_the_version_before_accepts_is_done_by_either(ledger: Ledger, old: OldVersion) -> None:
    first, second = old.accept(instance(1)), old.accept(instance(2))
    assert ledger.jobs.claim(first, PIPELINE, "new", 60.0) is not None
    assert not old.claim(first, "old")
    assert old.claim(second, "old")
    assert ledger.jobs.claim(second, PIPELINE, "new", 60.0) is None
    ledger.handover.built(first, "new", [output("SR")], [])
    assert old.built(second)
    assert old.state(first) == "BUILT"
    third = ledger.jobs.accept(instance(3), PIPELINE).job_id
    assert old.claim(third, "old")
    # Arrived at the old host: a job without an instance, until the image comes again.
    assert [one.stored.sop_instance_uid for one in ledger.instances.find(Search())] == ["1.2.3.3"]
    ledger.jobs.accept(instance(2), PIPELINE)
    assert len(ledger.instances.find(Search())) == 2


def ended_by_old(old: OldVersion, number: int, delivered: str = "DELIVERED") -> int:
    job_id = old.accept(instance(number))
    old.claim(job_id, "old")
    old.built(job_id)
    old.hand_over(job_id, output("SR", number), "1.2.9", delivered, reason="pacs: no")
    if delivered == "DELIVERED":
        assert old.all_delivered(job_id)
    else:
        assert old.not_all_delivered(job_id, "pacs: no")
    return job_id


def test_jobs_that_the_version_before_ends_are_read_as_what_they_are(
    ledger: Ledger, old: OldVersion
) -> None:
    delivered, refused = ended_by_old(old, 1), ended_by_old(old, 2, "REFUSED")
    failed = old.accept(instance(3))
    old.claim(failed, "old")
    assert old.failed(failed, "undecodable")
    assert [state(ledger, job_id) for job_id in (delivered, refused, failed)] == [
        JobState.BUILT, JobState.BUILT, JobState.FAILED,
    ]  # fmt: skip
    assert [progress(ledger, one) for one in (delivered, refused)] == [
        Progress.DELIVERED, Progress.INCOMPLETE,
    ]  # fmt: skip
    summary = ledger.reports.summary()
    assert (summary.counts[JobState.BUILT], summary.counts[JobState.FAILED]) == (2, 1)
    assert [one.sop_instance_uid for one in summary.failures] == ["1.2.3.3"]
    assert [one.sop_instance_uid for one in summary.refusals] == ["1.2.3.2"]
    found = {one.job_id: one.state for one in ledger.requeue.candidates(Selection())}
    assert found == {refused: JobState.BUILT, failed: JobState.FAILED}
    of_failed = ledger.requeue.candidates(Selection(states=["FAILED"]))
    assert [one.job_id for one in of_failed] == [failed]
    # Nobody analyses again what a destination refused.
    assert ledger.requeue.repeat([delivered, refused, failed], PIPELINE, "me@host") == [failed]
    assert not ledger.jobs.accept(instance(2), PIPELINE).is_reopened


@pytest.mark.parametrize("delivered", ["DELIVERED", "REFUSED"])
def test_what_the_version_before_ended_is_opened_again_as_ever(
    ledger: Ledger, old: OldVersion, delivered: str
) -> None:
    job_id = ended_by_old(old, 1, delivered)
    assert ledger.jobs.accept(instance(1, sha256="ff" * 32), PIPELINE).is_reopened
    (before,) = ledger.issues.earlier(job_id, ()).sources
    assert before.standing
    other = ended_by_old(old, 2, delivered)
    note = ledger.jobs.claim(ledger.jobs.accept(instance(9), PIPELINE).job_id, PIPELINE, "w", 60.0)
    assert note is not None
    rejected, _ = ledger.rejections.rejected(note, "w", ["1.2.3.2"], "113001", "rejected: why")
    assert rejected == [other]
    assert state(ledger, other) is JobState.SKIPPED


def test_what_was_refused_is_requeued_by_one_version_and_ended_by_the_other(
    ledger: Ledger, old: OldVersion
) -> None:
    job_id = ended_by_old(old, 1, "REFUSED")
    assert ledger.repairs.redeliver([job_id], "me") == 1
    assert happened(ledger, job_id)[-1] == "to be delivered again, as a person asked"
    assert (old.state(job_id), progress(ledger, job_id)) == ("BUILT", Progress.WAITING)
    (delivery,) = ledger.deliveries.of_job(job_id)
    old.delivery(delivery.id, "DELIVERED")
    assert old.all_delivered(job_id)
    assert (state(ledger, job_id), progress(ledger, job_id)) == (
        JobState.BUILT,
        Progress.DELIVERED,
    )


def test_a_job_that_failed_since_a_refusal_of_before_is_a_failed_one(
    ledger: Ledger, old: OldVersion
) -> None:
    job_id = ended_by_old(old, 1, "REFUSED")
    ledger.jobs.accept(instance(1, sha256="ff" * 32), PIPELINE)
    assert ledger.jobs.claim(job_id, PIPELINE, "w1", 60.0) is not None
    ledger.handover.failed(job_id, "w1", "undecodable")
    assert state(ledger, job_id) is JobState.FAILED
    assert [one.reason for one in ledger.reports.summary().failures] == ["undecodable"]
