"""What the worker tells of a patient's earlier radiographs, and when it looks again."""

import pytest

from dicom_node.config import PriorsSection
from dicom_node.demo.phantom import Kind
from dicom_node.ledger import DELIVERED, REJECTION_NOTE, Event, JobState, Priority, Selection
from dicom_node.worker import process
from sr_writer import codes
from sr_writer.equipment import Equipment
from sr_writer.progression import Omission
from tests.dicom_node.bench import PACS, Bench
from tests.dicom_node.ledger.records import happened, job_of
from tests.dicom_node.radiographs import file_bytes
from tests.dicom_node.rejecting import predecessors, referenced, rejection_note, title
from tests.dicom_node.visits import PRIORS, WANTED, analyse, arrive, told, visit
from tests.sr_writer.reading import everything, is_named

pytestmark = pytest.mark.slow


def reasons(bench: Bench, job_id: int) -> dict[str, Omission]:
    return {one.taken[:10]: one.why for one in told(bench, job_id).omitted}


def contents(bench: Bench, job_id: int) -> dict[str, bytes]:
    return {
        one.role: bench.spool.read(one.path)
        for one in bench.ledger.deliveries.of_job(job_id)
        if one.state != "WITHDRAWN"
    }


def test_a_report_tells_of_the_radiograph_before(bench: Bench) -> None:
    first = visit("2026-03-01", Kind.HEALTHY)
    analyse(bench, first)
    before = bench.deliver()
    second = analyse(bench, visit("2026-03-04"))
    report = bench.deliver()["SR"]
    assert referenced(report, "PertinentOtherEvidenceSequence") == {
        first.SOPInstanceUID,
        before["SR"].SOPInstanceUID,
    }
    assert told(bench, second).taken == "2026-03-04T08:04:30"
    (prior,) = told(bench, second).priors
    assert (prior.taken, prior.percent_left) == ("2026-03-01T08:04:30", 0.0)
    changes = [
        float(item.MeasuredValueSequence[0].NumericValue)
        for item in everything(report)
        if is_named(item, codes.CHANGE)
    ]
    found = bench.ledger.findings.of_job(second)
    assert found is not None
    assert changes == [round(found.percent_left or 0, 2), round(found.percent_right or 0, 2)]
    assert changes[0] > 5


def test_where_nothing_is_earlier_results_are_as_if_nobody_had_looked(bench: Bench) -> None:
    image = visit("2026-03-04")
    looked = contents(bench, analyse(bench, image))
    job = job_of(bench.ledger, 1)
    plain = process(bench.spool.read(job.path), bench.engine, Equipment(), job.received_at)
    assert {one.role: one.content for one in plain.write(("SEG", "SR", "DOC"))} == looked


def test_who_shares_the_id_and_not_the_birth_date_is_somebody_else(bench: Bench) -> None:
    analyse(bench, visit("2026-03-01", PatientBirthDate="19700101"))
    analyse(bench, visit("2026-03-02", PatientSex="O"))
    analyse(bench, visit("2026-03-03", PatientBirthDate=""))
    # Another issuer's patient is not even named.
    analyse(bench, visit("2026-03-03", IssuerOfPatientID="ELSEWHERE"))
    last = analyse(bench, visit("2026-03-04"))
    assert told(bench, last).priors == ()
    assert reasons(bench, last) == {
        "2026-03-01": Omission.OTHER_PATIENT,
        "2026-03-02": Omission.OTHER_PATIENT,
        "2026-03-03": Omission.UNCONFIRMED,
    }
    report = bench.text_of(last, "SR")
    assert "birth date or sex differ under this Patient ID: 2026-03-01, 2026-03-02." in report
    assert "PertinentOtherEvidenceSequence" not in bench.deliver()["SR"]


def test_what_cannot_be_compared_is_named_with_the_reason(bench: Bench) -> None:
    analyse(bench, visit("2025-12-01"))
    arrive(bench, visit("2026-02-20"), pipeline="another")
    for day in ("2026-02-24", "2026-02-25", "2026-02-26"):
        analyse(bench, visit(day))
    broken = arrive(bench, visit("2026-03-03", PixelData=b"\0" * 1000))
    assert bench.work(broken, WANTED, priors=PRIORS).state is JobState.FAILED
    arrive(bench, visit("2026-03-02"))
    last = arrive(bench, visit("2026-03-04"))
    bench.ledger.ranking.rank(last, Priority.STAT, "test")
    assert bench.work(last, WANTED, priors=PRIORS).state is JobState.BUILT
    assert [one.taken[:10] for one in told(bench, last).priors] == ["2026-02-25", "2026-02-26"]
    assert reasons(bench, last) == {
        "2025-12-01": Omission.TOO_OLD,
        "2026-02-20": Omission.OTHER_PIPELINE,
        "2026-02-24": Omission.TOO_MANY,
        "2026-03-02": Omission.WAITING,
        "2026-03-03": Omission.FAILED,
    }


def test_what_was_taken_later_or_on_the_same_visit_is_no_prior(bench: Bench) -> None:
    image = visit("2026-03-04")
    same = image.StudyInstanceUID
    analyse(bench, visit("2026-03-04", AcquisitionTime="070000", StudyInstanceUID=same))
    analyse(bench, visit("2026-03-05"))
    # Of one day, and nobody knows which was first.
    analyse(bench, visit("2026-03-04", AcquisitionTime=None, ContentTime=None))
    bench.work(2, WANTED, priors=PRIORS)
    job_id = analyse(bench, image)
    assert bench.ledger.progressions.of_job(job_id) is None


def test_an_earlier_radiograph_that_comes_later_makes_a_new_report(bench: Bench) -> None:
    later = analyse(bench, visit("2026-03-04"))
    before = bench.deliver()
    analyse(bench, visit("2026-03-01", Kind.HEALTHY))
    assert job_of(bench.ledger, later).state is JobState.RECEIVED
    assert happened(bench.ledger, later)[-1] == Event.OUTDATED
    bench.deliver()
    bench.work(later, WANTED, priors=PRIORS)
    after = bench.deliver()
    # The masks are what they were: the archive has them.
    assert set(after) == {"SR", "DOC", REJECTION_NOTE}
    assert predecessors(after["SR"]) == {before["SR"].SOPInstanceUID}
    assert after["SR"].SOPInstanceUID != before["SR"].SOPInstanceUID
    assert title(after[REJECTION_NOTE]) == "Rejected for Quality Reasons"
    assert referenced(after[REJECTION_NOTE], "CurrentRequestedProcedureEvidenceSequence") == {
        before["DOC"].SOPInstanceUID
    }
    assert job_of(bench.ledger, later).state is JobState.BUILT
    # What a person has sent once more, or sees, is what stands.
    now = {one.role: one.sop_instance_uid for one in bench.ledger.lookups.outputs(later)}
    names = after | {"SEG": before["SEG"]}
    assert now == {role: one.SOPInstanceUID for role, one in names.items()}
    bench.ledger.repairs.redeliver([later], "test", Selection(states=(DELIVERED,)))
    again = {role: one.SOPInstanceUID for role, one in bench.deliver().items()}
    assert again == {role: uid for role, uid in now.items() if role != REJECTION_NOTE}


def test_a_radiograph_that_is_rejected_drops_out_and_no_report_gets_a_name_again(
    bench: Bench,
) -> None:
    later = analyse(bench, visit("2026-03-04"))
    names = [bench.deliver()["SR"].SOPInstanceUID]
    first = visit("2026-03-01", Kind.HEALTHY)
    analyse(bench, first)
    bench.work(later, WANTED, priors=PRIORS)
    names.append(bench.deliver()["SR"].SOPInstanceUID)
    note = bench.accept(file_bytes(rejection_note("113001", first)))
    bench.work(note, WANTED, priors=PRIORS)
    assert job_of(bench.ledger, later).state is JobState.RECEIVED
    bench.deliver()
    bench.work(later, WANTED, priors=PRIORS)
    last = bench.deliver()["SR"]
    assert predecessors(last) == set(names)
    assert last.SOPInstanceUID not in names
    assert reasons(bench, later) == {"2026-03-01": Omission.REJECTED}
    assert "PertinentOtherEvidenceSequence" not in last


def test_what_is_built_again_tells_what_it_told(bench: Bench) -> None:
    analyse(bench, visit("2026-03-01", Kind.HEALTHY))
    job_id = analyse(bench, visit("2026-03-04"))
    built = contents(bench, job_id)
    while (damaged := bench.ledger.deliveries.claim(PACS, "sender", 60.0, 1)[0]).job_id != job_id:
        pass
    bench.spool.resolve(damaged.path).unlink()
    bench.ledger.repairs.damaged(damaged.id, "sender", "it is gone")
    # In another configuration, and with one more in between.
    arrive(bench, visit("2026-03-02"))
    bench.work(job_id, WANTED, priors=PriorsSection(days=0))
    for _ in range(2):
        bench.work(job_id, WANTED, priors=PriorsSection(days=0))
    assert job_of(bench.ledger, job_id).state is JobState.BUILT
    assert contents(bench, job_id) == built


def test_what_was_analysed_before_anything_was_compared_stays_as_it_is(bench: Bench) -> None:
    later = analyse(bench, visit("2026-03-04"), PriorsSection())
    analyse(bench, visit("2026-03-01"))
    assert job_of(bench.ledger, later).state is JobState.BUILT


def test_two_jobs_of_which_each_was_in_work_when_the_other_looked_find_each_other(
    bench: Bench,
) -> None:
    """The later one looks while the earlier is not analysed yet, and is told once that is."""
    early = arrive(bench, visit("2026-03-01"))
    late = arrive(bench, visit("2026-03-04"))
    job = job_of(bench.ledger, late)
    worker = bench.worker(WANTED, priors=PRIORS)
    worker._priors.fix(job, bench.spool.read(job.path))
    assert reasons(bench, late) == {"2026-03-01": Omission.WAITING}
    assert bench.work(early, WANTED, priors=PRIORS).state is JobState.BUILT
    bench.work(late, WANTED, priors=PRIORS)
    assert job_of(bench.ledger, late).state is JobState.RECEIVED
    bench.work(late, WANTED, priors=PRIORS)
    assert job_of(bench.ledger, late).state is JobState.BUILT
    assert [one.taken[:10] for one in told(bench, late).priors] == ["2026-03-01"]
    assert told(bench, late).omitted == ()
