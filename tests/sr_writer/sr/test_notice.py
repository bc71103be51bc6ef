"""Where there is no result there is still a report, and it says why."""

from copy import deepcopy
from functools import partial

import pytest
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import CTImageStorage

from inference.findings import Decision
from inference.pipeline import Pipeline
from sr_writer import codes
from sr_writer.identity import RESEARCH_USE, Identity
from sr_writer.kinds import SR, SR2D, Kind
from sr_writer.output import Output
from sr_writer.source import Source, read_source
from sr_writer.sr.notice import write_notice
from sr_writer.sr.verify import notice_faults
from sr_writer.verify import InvalidResult, verify
from tests.sr_writer.examples import (
    CREATED,
    ENGLISH,
    EQUIPMENT,
    INFECTION_MODEL,
    LUNG_MODEL,
    SOURCE_UID,
    all_results,
    bare_header,
    header,
    source_of,
)
from tests.sr_writer.raw_headers import received
from tests.sr_writer.reading import child, code, everything, is_named, read

PIPELINE = Pipeline((LUNG_MODEL, INFECTION_MODEL))
REASON = "The view is lateral."
NOTICES = [Decision.NOT_ANALYSED, Decision.FAILED]


def notice(
    dataset: Dataset | None = None,
    decision: Decision = Decision.NOT_ANALYSED,
    reason: str = REASON,
    kind: Kind = SR,
) -> Output:
    dataset = header() if dataset is None else dataset
    return write_notice(dataset, SOURCE_UID, decision, reason, PIPELINE, EQUIPMENT, CREATED, kind)


@pytest.mark.parametrize("kind", [SR, SR2D], ids=["SR", "SR2D"])
@pytest.mark.parametrize("decision", NOTICES)
def test_it_says_that_there_is_no_result_and_why(decision: Decision, kind: Kind) -> None:
    output = notice(decision=decision, kind=kind)
    report = read(output)
    assert output.role == kind.role
    assert output.sop_class_uid == report.SOPClassUID == all_results()[kind.role].sop_class_uid
    container = child(report, codes.QUALITATIVE_EVALUATIONS)
    assert code(child(container, codes.COVID_19).ConceptCodeSequence[0])[0] == "373068000"
    assert child(container, codes.SUMMARY).TextValue == REASON
    words = {Decision.NOT_ANALYSED: "Not analysed", Decision.FAILED: "Analysis failed"}
    assert child(report, codes.CONCLUSION).TextValue == f"{words[decision]}. {REASON}"
    assert child(report, codes.COMMENT).TextValue == RESEARCH_USE
    assert words[decision].split()[1] in report.SeriesDescription
    assert report.SeriesDescription.endswith("not for diagnosis")


def test_it_measures_nothing_and_names_no_network() -> None:
    """A group without a region crashes OHIF; a network that did not run has not contributed."""
    report = read(notice())
    assert not any(is_named(item, codes.MEASUREMENT_GROUP) for item in everything(report))
    assert not any(is_named(item, codes.ALGORITHM_NAME) for item in everything(report))
    processing = [
        item.ManufacturerModelName
        for item in report.ContributingEquipmentSequence
        if code(item.PurposeOfReferenceCodeSequence[0]) == ("109102", "DCM")
    ]
    assert processing == [EQUIPMENT.model_name]
    assert EQUIPMENT.device_uid == child(report, codes.DEVICE_OBSERVER_UID).UID


def test_its_evidence_is_the_source_alone() -> None:
    [study] = read(notice()).CurrentRequestedProcedureEvidenceSequence
    [series] = study.ReferencedSeriesSequence
    [instance] = series.ReferencedSOPSequence
    assert series.SeriesInstanceUID == header().SeriesInstanceUID
    assert instance.ReferencedSOPInstanceUID == SOURCE_UID


def test_it_is_another_instance_than_a_result_and_than_another_notice() -> None:
    failed, passed_over = notice(decision=Decision.FAILED), notice()
    outputs = (failed, passed_over, all_results()["SR"])
    assert len({output.sop_instance_uid for output in outputs}) == 3
    assert len({output.series_instance_uid for output in outputs}) == 3
    assert notice() == passed_over
    assert notice(reason="Another.").sop_instance_uid == passed_over.sop_instance_uid


@pytest.mark.parametrize(
    "dataset",
    [
        bare_header(),
        Dataset(),
        header(SOPClassUID=CTImageStorage),
        header(Rows=None),
        received(
            header(PatientOrientation=""), raw={"StudyTime": b"10:00:00", "PatientSex": b"X?"}
        ),
        header(SpecificCharacterSet=["", "ISO 2022 IR 87"]),
    ],
    ids=["bare", "empty", "CT", "no rows", "malformed", "multi-byte"],
)
def test_any_header_will_do_and_stays_as_it_is(dataset: Dataset) -> None:
    before = deepcopy(dataset)
    report = read(notice(dataset))
    assert dataset == before
    assert child(child(report, codes.QUALITATIVE_EVALUATIONS), codes.SUMMARY).TextValue == REASON


def test_the_image_library_describes_radiographs_of_known_size() -> None:
    rows = Code("110910", "DCM", "Pixel Data Rows")
    described = [
        any(is_named(item, rows) for item in everything(read(notice(dataset))))
        for dataset in (header(), bare_header(), header(Rows=None), Dataset())
    ]
    assert described == [True, True, False, False]


def test_text_reads_the_same_in_any_character_set() -> None:
    container = child(read(notice(reason="größer")), codes.QUALITATIVE_EVALUATIONS)
    assert child(container, codes.SUMMARY).TextValue == "gr??er"


@pytest.mark.parametrize("decision", [Decision.POSITIVE, Decision.NEGATIVE, Decision.UNDETERMINED])
def test_a_result_is_no_notice(decision: Decision) -> None:
    with pytest.raises(ValueError, match="has a report"):
        notice(decision=decision)


def test_the_gate_refuses_a_notice_that_says_something_else() -> None:
    identity = Identity(SOURCE_UID, PIPELINE, EQUIPMENT, CREATED, notice=Decision.NOT_ANALYSED)
    source = read_source(header(), SOURCE_UID, (120, 101), None)

    def gate(content: bytes, of: Source = source, reason: str = REASON) -> None:
        faults = partial(notice_faults, source=of, identity=identity, reason=reason, words=ENGLISH)
        verify(SR, content, of, identity, faults)

    gate(notice().content)
    with pytest.raises(InvalidResult, match="does not say why"):
        gate(notice().content, reason="Another reason.")
    with pytest.raises(InvalidResult, match="0010,0020"):
        gate(notice().content, source_of(header(PatientID="P2")))
    with pytest.raises(InvalidResult, match="stands where"):
        gate(all_results()["SR"].content)
