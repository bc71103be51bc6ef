"""What was refused and is analysed all the same: a worker with a real ledger, spool and networks.

The image is a chest that calls itself another view, so that the networks see what they know.
"""

from collections.abc import Collection

import pytest
from pydicom import Dataset

from dicom_node.config import PriorsSection, Reports
from dicom_node.config.profiles import PRESETS, STANDARD
from dicom_node.demo.phantom import Kind
from dicom_node.handover.report import read_report
from dicom_node.ledger import JobState
from dicom_node.worker import process
from inference.findings import Decision
from sr_writer.doc.printed import printed_in
from sr_writer.equipment import Equipment
from sr_writer.kind import in_all_languages
from sr_writer.kinds import KINDS
from tests.dicom_node.bench import Bench
from tests.dicom_node.radiographs import changed, file_bytes, radiograph
from tests.sr_writer.reading import everything, read

pytestmark = pytest.mark.slow

#: Everything there is, and a notice where nothing was analysed.
ALL = PRESETS["dcm4chee"]
NOTICES = Reports(not_analysed=True)
REFUSAL = "not a frontal view (View Position LL)"
SAID = f"Analysed at a person's request although: {REFUSAL}."


def misnamed(**attributes: object) -> Dataset:
    return changed(radiograph(), ViewPosition="LL", **attributes)


def override(bench: Bench, job_id: int, why: str = "the header is wrong") -> bool:
    return bench.ledger.requeue.override(job_id, bench.pipeline, "otto on the page", why)


@pytest.fixture
def refused(bench: Bench) -> int:
    job_id = bench.accept(file_bytes(misnamed()))
    assert bench.work(job_id, ALL).reason == REFUSAL
    return job_id


def uids(bench: Bench, job_id: int, roles: Collection[str] = ("SEG", "SR")) -> dict[str, str]:
    return {d.role: d.sop_instance_uid for d in bench.ledger.deliveries.of_job(job_id)
            if d.role in roles and d.state != "WITHDRAWN"}  # fmt: skip


def test_it_is_analysed_says_so_and_decides_nothing(bench: Bench, refused: int) -> None:
    assert override(bench, refused)
    job = bench.work(refused, ALL)
    assert (job.state, job.overridden) == (JobState.BUILT, REFUSAL)
    found = bench.ledger.findings.of_job(refused)
    assert found is not None
    assert (found.decision, found.reason) == ("undetermined", SAID)
    assert found.cautions[0] == "not_eligible"
    # What a regular run would have called positive; its figures are there to be looked at.
    assert found.percent_left
    said = bench.text_of(refused, "SR")
    assert said.count(SAID) == 3  # conclusion, summary, caution
    (report,) = (d for d in bench.ledger.deliveries.of_job(refused) if d.role == "SR")
    told = read_report(bench.spool.read_verified(report.path, report.sha256))
    assert told.verdict[0][1].meaning == "Undetermined"
    assert SAID in told.comments
    assert "KO" not in bench.states(refused)
    page = bench.spool.resolve(
        next(d.path for d in bench.ledger.deliveries.of_job(refused) if d.role == "DOC")
    )
    assert b"Undetermined" in page.read_bytes()


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "de",
            "Auf Verlangen einer Person analysiert, trotz dieses Ablehnungsgrundes: keine front",
        ),
        ("fr", "Analysée à la demande d'une personne malgré ce motif de refus : pas une"),
        ("es", "Analizada a petición de una persona pese a este motivo de rechazo: no es"),
    ],
)
def test_it_says_so_in_every_language(bench: Bench, language: str, said: str) -> None:
    content, at, kinds = file_bytes(misnamed()), bench.clock(), in_all_languages(KINDS)
    done = process(content, bench.engine, Equipment(), at, kinds=kinds, refusal=REFUSAL)
    report, picture, page = done.write([f"{role}@{language}" for role in ("SR", "SC", "DOC")])
    texts = [str(one.TextValue) for one in everything(read(report)) if one.ValueType == "TEXT"]
    assert sum(said in text for text in texts) == 3
    lines = printed_in(read(page).EncapsulatedDocument)
    assert any(line.startswith(said[:60]) for line in lines)
    assert picture.content


def test_it_has_other_names_than_a_regular_run_and_takes_the_place_of_the_notice(
    bench: Bench,
) -> None:
    job_id = bench.accept(file_bytes(misnamed()))
    bench.work(job_id, ALL, reports=NOTICES)
    notice = bench.deliver()["SR"].SOPInstanceUID
    override(bench, job_id)
    bench.work(job_id, ALL, reports=NOTICES)
    arrived = bench.deliver()
    (study,) = arrived["SR"].PredecessorDocumentsSequence
    (before,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert before.ReferencedSOPInstanceUID == notice
    content = file_bytes(radiograph())
    regular = process(content, bench.engine, Equipment(), bench.clock()).write(("SEG", "SR"))
    others = {output.sop_instance_uid for output in regular} | {notice}
    assert others.isdisjoint({arrived["SEG"].SOPInstanceUID, arrived["SR"].SOPInstanceUID})


def test_the_image_corrected_later_has_one_report_and_one_mask_that_count(
    bench: Bench, refused: int
) -> None:
    override(bench, refused)
    bench.work(refused, ALL)
    before = bench.deliver()
    bench.clock.advance(60)
    assert bench.accept(file_bytes(radiograph())) == refused
    job = bench.work(refused, ALL)
    assert (job.state, job.overridden, job.issue) == (JobState.BUILT, "", 1)
    found = bench.ledger.findings.of_job(refused)
    assert found is not None
    assert found.decision == "positive"
    arrived = bench.deliver()
    assert arrived["SR"].SOPInstanceUID != before["SR"].SOPInstanceUID
    assert SAID not in str(arrived["SR"])
    # What takes no report's place is taken back.
    taken = {d.role for d in bench.ledger.deliveries.of_job(refused) if d.state == "RETRACTED"}
    assert "SEG" in taken
    assert uids(bench, refused)["SR"] == arrived["SR"].SOPInstanceUID


def test_other_bytes_are_nobodys_request(bench: Bench, refused: int) -> None:
    override(bench, refused)
    bench.work(refused, ALL)
    standing = uids(bench, refused)
    bench.deliver()
    # An archive rewrites a private matter: nothing new, and what stands is what was asked for.
    bench.accept(file_bytes(misnamed(InstitutionName="Elsewhere")))
    job = bench.work(refused, ALL)
    assert (job.state, job.overridden, job.issue) == (JobState.BUILT, REFUSAL, 0)
    assert uids(bench, refused) == standing
    # Another picture under the same name: refused as at first, and the results are taken back.
    other = radiograph(Kind.RIGHT_OPACITY).PixelData
    bench.accept(file_bytes(misnamed(PixelData=other)))
    job = bench.work(refused, ALL)
    assert (job.state, job.reason, job.overridden) == (JobState.SKIPPED, REFUSAL, "")
    bench.deliver()
    assert bench.states(refused)["SEG"] == "RETRACTED"


def test_what_is_found_damaged_is_built_again_as_it_was(bench: Bench, refused: int) -> None:
    override(bench, refused)
    bench.work(refused, STANDARD)
    before = {d.id: d.sha256 for d in bench.ledger.deliveries.of_job(refused)}
    (taken, *rest) = bench.ledger.deliveries.claim("pacs", "s", 60.0, 32)
    bench.spool.resolve(taken.path).unlink()
    bench.ledger.repairs.damaged(taken.id, "s", "gone")
    for one in rest:
        bench.ledger.deliveries.delivered(one.id, "s", 0)
    assert bench.work(refused, STANDARD).state is JobState.BUILT
    assert {d.id: d.sha256 for d in bench.ledger.deliveries.of_job(refused)} == before
    assert bench.spool.resolve(taken.path).exists()


def test_the_same_bytes_again_change_nothing(bench: Bench, refused: int) -> None:
    override(bench, refused)
    bench.work(refused, ALL)
    bench.accept(file_bytes(misnamed()))
    job = bench.ledger.jobs.get(refused)
    assert job is not None
    assert (job.state, job.overridden) == (JobState.BUILT, REFUSAL)


def test_what_could_not_be_analysed_stays_refused_and_says_why(bench: Bench) -> None:
    """The first reason may be passed over; the second is found then."""
    job_id = bench.accept(file_bytes(misnamed(NumberOfFrames=2)))
    assert bench.work(job_id, ALL).reason == REFUSAL
    assert override(bench, job_id)
    job = bench.work(job_id, ALL)
    assert (job.state, job.reason) == (JobState.SKIPPED, "more than one frame (Number of Frames 2)")
    assert not bench.ledger.requeue.can_override(job_id)


def test_pixels_that_cannot_be_decoded_fail_and_say_why(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(misnamed())[:-100_000])
    assert bench.work(job_id, ALL).reason == REFUSAL
    assert override(bench, job_id)
    job = bench.work(job_id, ALL)
    assert job.state is JobState.FAILED
    assert job.reason
    assert bench.states(job_id) == {}


@pytest.mark.parametrize(
    "attributes", [{"NumberOfFrames": 2}, {"Modality": "US"}, {"Rows": 60000, "Columns": 60000}]
)
def test_some_refusals_are_no_persons_to_pass_over(
    bench: Bench, attributes: dict[str, object]
) -> None:
    job_id = bench.accept(file_bytes(changed(radiograph(), **attributes)))
    assert bench.work(job_id, ALL).state is JobState.SKIPPED
    assert not override(bench, job_id)
    assert bench.ledger.requeue.override_of(job_id) is None


def test_without_lungs_there_is_a_report_that_says_both(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph(Kind.LATERAL)))
    assert bench.work(job_id, ALL).reason == REFUSAL
    override(bench, job_id)
    assert bench.work(job_id, ALL).state is JobState.BUILT
    found = bench.ledger.findings.of_job(job_id)
    assert found is not None
    assert found.decision == Decision.UNDETERMINED
    said = bench.text_of(job_id, "SR")
    assert SAID in said
    assert "lungs" in found.reason
    assert found.reason in said


def test_it_is_no_prior_and_is_compared_with_none(bench: Bench, refused: int) -> None:
    priors = PriorsSection(days=30)
    override(bench, refused)
    assert bench.work(refused, ALL, priors=priors).state is JobState.BUILT
    job = bench.ledger.jobs.get(refused)
    assert job is not None
    assert bench.ledger.progressions.of_job(refused) is None
    assert bench.ledger.progressions.relatives(job) == []


def test_who_why_and_what_spoke_against_it_is_kept(bench: Bench, refused: int) -> None:
    override(bench, refused, "looked at it: frontal")
    asked = bench.ledger.requeue.override_of(refused)
    assert asked is not None
    assert (asked.refusal, asked.by, asked.why) == (
        REFUSAL,
        "otto on the page",
        "looked at it: frontal",
    )
    (event,) = [e for e in bench.ledger.reports.events(refused) if "refused" in e.event]
    assert event.owner == "otto on the page"
    assert event.detail == f"looked at it: frontal (refused: {REFUSAL})"


def test_a_header_may_say_anything_and_results_can_still_be_written(bench: Bench) -> None:
    image = changed(radiograph(), SpecificCharacterSet="ISO_IR 192")
    image.PatientSpeciesDescription = "KATZE \u732b \u202e" + 40 * "ü"
    job_id = bench.accept(file_bytes(image))
    assert bench.work(job_id, ALL).state is JobState.SKIPPED
    assert override(bench, job_id)
    assert bench.work(job_id, ALL).state is JobState.BUILT
