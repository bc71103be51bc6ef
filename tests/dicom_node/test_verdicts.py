"""What the worker makes of a key object by which a reader judges results in the PACS."""

import copy

import pytest
from pydicom import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage, generate_uid

from dicom_node.config import CorrectionsSection, Reports, parse
from dicom_node.config.profiles import STANDARD
from dicom_node.demo.phantom import Kind as DrawnKind
from dicom_node.errors import ConfigError
from dicom_node.ledger import Assessment, Job, JobState, Verdict
from dicom_node.skipping import NO_JUDGEMENT, code_of
from tests.dicom_node.bench import Bench
from tests.dicom_node.correcting import analysed as of_a_reader
from tests.dicom_node.correcting import report_of
from tests.dicom_node.ledger.records import job_of
from tests.dicom_node.radiographs import changed, file_bytes, other_pixels, radiograph
from tests.dicom_node.rejecting import rejection_note
from tests.dicom_node.visits import PRIORS, WANTED, analyse, arrive, visit
from tests.readers import as_slicer
from tests.strokes import infection_on, lungs_on

slow = pytest.mark.slow
SECTION = CorrectionsSection(accepting_titles=("113000 DCM",))
READER = "Reader^Anna"


def coded(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def item(kind: str, name: Dataset, **values: object) -> Dataset:
    one = Dataset()
    one.ValueType, one.ConceptNameCodeSequence = kind, [name]
    for keyword, value in values.items():
        setattr(one, keyword, value)
    return one


QUALITY = coded("113010", "Quality Issue")
OF_INTEREST = coded("113000", "Of Interest")
OBSERVER = item("PNAME", coded("121008", "Person Observer Name"), PersonName=READER)


def key_object(title: Dataset, *selected: Dataset, said: tuple[Dataset, ...] = ()) -> Dataset:
    """As a viewer writes it (TID 2010), its references in the content tree and as evidence."""
    note = copy.deepcopy(radiograph())
    for keyword in ("PixelData", "Rows", "Columns"):
        del note[keyword]
    note.SOPClassUID = note.file_meta.MediaStorageSOPClassUID = KeyObjectSelectionDocumentStorage
    note.SOPInstanceUID = note.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    note.SeriesInstanceUID, note.Modality = generate_uid(), "KO"
    note.ConceptNameCodeSequence = [title]
    references = []
    for one in selected:
        reference = Dataset()
        reference.ReferencedSOPClassUID = one.SOPClassUID
        reference.ReferencedSOPInstanceUID = one.SOPInstanceUID
        chosen = Dataset()
        chosen.ValueType, chosen.ReferencedSOPSequence = "COMPOSITE", [reference]
        references.append(chosen)
    note.ContentSequence = [*said, *references]
    return note


@pytest.fixture
def analysed(bench: Bench) -> tuple[int, dict[str, Dataset]]:
    """A job that was analysed, and its results as the PACS has them."""
    job_id = bench.accept(file_bytes(radiograph()))
    bench.work(job_id, STANDARD)
    return job_id, bench.deliver()


def came(bench: Bench, marked: Dataset) -> Job:
    note = bench.accept(file_bytes(marked))
    return bench.work(note, STANDARD, corrections=SECTION)


def kept(bench: Bench, job_id: int) -> list[Assessment]:
    return bench.ledger.assessments.of_job(job_id)


Analysed = tuple[int, dict[str, Dataset]]


@slow
@pytest.mark.parametrize("role", ["SEG", "SR", "SC"])
def test_a_result_that_is_marked_so_is_rejected_by_who_marked_it(
    bench: Bench, analysed: Analysed, role: str
) -> None:
    job_id, results = analysed
    why = item("TEXT", coded("113012", "Key Object Description"), TextValue="heart, not infection")
    note = came(bench, key_object(QUALITY, results[role], said=(OBSERVER, why)))
    assert (note.state, code_of(note.reason or "")) == (JobState.SKIPPED, "readers_verdict")
    assert note.reason == f"a reader's verdict (reject, of the results of job {job_id}, kept)"
    (one,) = kept(bench, job_id)
    assert (one.reader, one.verdict) == (READER, Verdict.REJECT)
    assert one.note == "Quality Issue; heart, not infection"
    # What was sent stays as it is.
    assert job_of(bench.ledger, job_id).state is JobState.BUILT
    assert bench.deliver() == {}


@slow
def test_a_title_that_the_site_has_chosen_accepts(bench: Bench, analysed: Analysed) -> None:
    job_id, results = analysed
    came(bench, key_object(OF_INTEREST, results["SEG"], results["SR"], said=(OBSERVER,)))
    assert [one.verdict for one in kept(bench, job_id)] == [Verdict.ACCEPT]
    assert bench.ledger.assessments.accepted() == [job_id]


@slow
def test_a_rejection_note_for_results_alone_is_a_verdict_too(
    bench: Bench, analysed: Analysed
) -> None:
    job_id, results = analysed
    title = coded("113001", "Rejected for Quality Reasons")
    processing = coded("111219", "Inappropriate image processing")
    reason = item(
        "CODE", coded("113011", "Document Title Modifier"), ConceptCodeSequence=[processing]
    )
    came(bench, key_object(title, results["SR"], said=(reason,)))
    (one,) = kept(bench, job_id)
    assert one.note == "Rejected for Quality Reasons; Inappropriate image processing"
    # Nobody is named: whoever sent it.
    assert (one.reader, one.verdict) == ("MODALITY", Verdict.REJECT)
    assert job_of(bench.ledger, job_id).state is JobState.BUILT


@slow
def test_who_changes_their_mind_is_heard_and_a_repetition_is_not(
    bench: Bench, analysed: Analysed
) -> None:
    job_id, results = analysed
    for title in (QUALITY, QUALITY, OF_INTEREST, QUALITY):
        came(bench, key_object(title, results["SR"], said=(OBSERVER,)))
    verdicts = [one.verdict for one in kept(bench, job_id)]
    assert verdicts == [Verdict.REJECT, Verdict.ACCEPT, Verdict.REJECT]


@slow
def test_what_selects_the_image_is_about_that_and_means_what_it_always_did(
    bench: Bench, analysed: Analysed
) -> None:
    job_id, results = analysed
    marked = came(bench, key_object(QUALITY, radiograph(), results["SR"]))
    why = "it selects 1 object that is no result of an analysis"
    assert marked.reason == f"{NO_JUDGEMENT} ({why})"
    alone = came(bench, key_object(QUALITY, radiograph()))
    assert code_of(alone.reason or "") == "unsupported_class"
    title = coded("113001", "Rejected for Quality Reasons")
    came(bench, key_object(title, radiograph(), results["SR"]))
    assert job_of(bench.ledger, job_id).reason == "rejected: Rejected for Quality Reasons"
    assert kept(bench, job_id) == []


@slow
@pytest.mark.parametrize(
    ("title", "said"),
    [
        (coded("113004", "For Teaching"), "113004 DCM"),
        (coded("113010", "?", "99X"), "113010 99X"),
    ],
)
def test_another_title_is_no_verdict(
    bench: Bench, analysed: Analysed, title: Dataset, said: str
) -> None:
    job_id, results = analysed
    marked = came(bench, key_object(title, results["SR"]))
    titles = "[corrections] accepting_titles or rejecting_titles"
    assert marked.reason == f"{NO_JUDGEMENT} (its title {said} is not among {titles})"
    assert code_of(marked.reason) == "other_key_object"
    assert kept(bench, job_id) == []


@slow
def test_of_results_that_others_took_the_place_of_nothing_is_kept(
    bench: Bench, analysed: Analysed
) -> None:
    job_id, results = analysed
    bench.accept(file_bytes(other_pixels()))
    bench.work(job_id, STANDARD)
    marked = came(bench, key_object(QUALITY, results["SR"]))
    why = "others have taken the place of the results that it selects"
    assert marked.reason == f"a reader's verdict, not kept (reject: {why})"
    assert kept(bench, job_id) == []


@slow
def test_a_report_that_nothing_was_analysed_is_not_judged(bench: Bench) -> None:
    skipped = bench.accept(file_bytes(changed(radiograph(), ViewPosition="LL")))
    bench.work(skipped, STANDARD, reports=Reports(not_analysed=True))
    marked = came(bench, key_object(QUALITY, bench.deliver()["SR"]))
    assert marked.reason == f"{NO_JUDGEMENT} (it selects 1 object that is no result of an analysis)"
    assert kept(bench, skipped) == []


@slow
def test_what_a_reader_has_drawn_and_its_report_are_not_judged(bench: Bench) -> None:
    image = radiograph()
    own_job, results = of_a_reader(bench, image)
    seg = as_slicer(image, lungs_on(image), infection_on(image), predecessor=results["SEG"])
    report = report_of(bench, seg)["SR"]
    marked = came(bench, key_object(QUALITY, seg, report))
    why = "it selects 2 objects that are no results of an analysis"
    assert marked.reason == f"{NO_JUDGEMENT} ({why})"
    assert kept(bench, own_job) == []


@slow
@pytest.mark.parametrize(
    ("of_image", "of_key_object", "is_kept"),
    [("a", "b", False), ("a", "a", True), ("", "b", True), ("a", "", True)],
)
def test_a_key_object_of_another_patient_is_no_verdict(
    bench: Bench, of_image: str, of_key_object: str, is_kept: bool
) -> None:
    job_id = arrive(bench, changed(radiograph(), PatientID=of_image))
    bench.work(job_id, STANDARD)
    marked = key_object(QUALITY, bench.deliver()["SR"])
    marked.PatientID = of_key_object
    reason = bench.work(arrive(bench, marked), STANDARD, corrections=SECTION).reason
    assert bool(kept(bench, job_id)) == is_kept
    if not is_kept:
        why = f"its Patient ID is another than that of the radiograph of job {job_id}"
        assert reason == f"a reader's verdict, not kept (reject: {why})"


@slow
def test_results_of_what_was_rejected_meanwhile_are_not_judged(
    bench: Bench, analysed: Analysed
) -> None:
    job_id, results = analysed
    bench.work(bench.accept(file_bytes(rejection_note("113001", radiograph()))), STANDARD)
    marked = came(bench, key_object(OF_INTEREST, results["SR"]))
    why = f"job {job_id} is SKIPPED, rejected: Rejected for Quality Reasons"
    assert marked.reason == f"a reader's verdict, not kept (accept: {why})"
    assert kept(bench, job_id) == []


@slow
@pytest.mark.parametrize(
    ("code", "last"),
    [("113001", Verdict.UNSURE), ("113037", Verdict.UNSURE), ("113039", Verdict.ACCEPT)],
)
def test_a_rejection_note_for_a_key_object_takes_its_verdict_back(
    bench: Bench, analysed: Analysed, code: str, last: Verdict
) -> None:
    job_id, results = analysed
    other = item("PNAME", coded("121008", "Person Observer Name"), PersonName="Other^Bob")
    came(bench, key_object(OF_INTEREST, results["SR"], said=(other,)))
    marked = key_object(OF_INTEREST, results["SR"], said=(OBSERVER,))
    came(bench, marked)
    note = rejection_note(code, marked)
    for _ in range(2):
        came(bench, note)
    said = [one for one in kept(bench, job_id) if one.reader == READER]
    taken_back = [Verdict.UNSURE] if last is Verdict.UNSURE else []
    assert [one.verdict for one in said] == [Verdict.ACCEPT, *taken_back]
    if taken_back:
        assert said[-1].note == "taken back by a rejection note"
    # Nobody else is concerned.
    assert len(kept(bench, job_id)) == len(said) + 1
    assert job_of(bench.ledger, job_id).state is JobState.BUILT


@slow
def test_a_rejected_key_object_that_is_lost_keeps_nothing_else_from_being_taken_back(
    bench: Bench, analysed: Analysed
) -> None:
    job_id, results = analysed
    marked = key_object(OF_INTEREST, results["SR"], said=(OBSERVER,))
    bench.spool.resolve(came(bench, marked).path).unlink()
    note = came(bench, rejection_note("113001", marked, radiograph()))
    assert note.state is JobState.BUILT
    assert job_of(bench.ledger, job_id).state is JobState.SKIPPED


@slow
def test_what_a_reader_said_after_a_key_object_that_is_rejected_stays(
    bench: Bench, analysed: Analysed
) -> None:
    job_id, results = analysed
    marked = key_object(OF_INTEREST, results["SR"], said=(OBSERVER,))
    came(bench, marked)
    came(bench, key_object(QUALITY, results["SR"], said=(OBSERVER,)))
    came(bench, rejection_note("113001", marked))
    assert [one.verdict for one in kept(bench, job_id)] == [Verdict.ACCEPT, Verdict.REJECT]


@slow
def test_a_report_that_was_made_anew_is_known_beside_what_still_stands(bench: Bench) -> None:
    job_id = analyse(bench, visit("2026-03-04"))
    before = bench.deliver()
    analyse(bench, visit("2026-03-01", DrawnKind.HEALTHY))
    bench.work(job_id, WANTED, priors=PRIORS)
    assert "SR" in bench.deliver()
    alone = came(bench, key_object(QUALITY, before["SR"], before["DOC"]))
    why = "others have taken the place of the results that it selects"
    assert alone.reason == f"a reader's verdict, not kept (reject: {why})"
    assert kept(bench, job_id) == []
    came(bench, key_object(QUALITY, before["SR"], before["SEG"]))
    assert [one.verdict for one in kept(bench, job_id)] == [Verdict.REJECT]


@pytest.mark.parametrize(
    ("corrections", "fault"),
    [
        ({"accepting_titles": ["113010 DCM"]}, "'113010 DCM' cannot both accept and reject"),
        ({"accepting_titles": ["113000"]}, "must be written CODE SCHEME, as in 113010 DCM"),
    ],
)
def test_titles_that_say_two_things_or_nothing_are_faults(
    corrections: dict[str, list[str]], fault: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        parse({"node": {"state": "/s"}, "corrections": corrections})
    assert fault in str(raised.value)
