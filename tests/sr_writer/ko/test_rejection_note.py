"""Rejection notes of ours, and reports that take the place of others."""

from dataclasses import replace
from io import BytesIO

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import Comprehensive3DSRStorage, SegmentationStorage

from sr_writer import codes
from sr_writer.identity import Identity, Issue, Reference
from sr_writer.kinds import KINDS
from sr_writer.ko.rejection_note import write_rejection_note
from sr_writer.results import Results
from sr_writer.verify import InvalidResult
from tests.sr_writer.examples import CREATED, EQUIPMENT, findings, header, identity, pixels

STUDY = header("DX").StudyInstanceUID
SEG = Reference(STUDY, "2.25.1", SegmentationStorage, "2.25.11")
SR = Reference(STUDY, "2.25.2", Comprehensive3DSRStorage, "2.25.12")
OTHER_SR = Reference(STUDY, "2.25.2", Comprehensive3DSRStorage, "2.25.13")
NOTE = replace(identity(), withdraws=("PACS", STUDY))


def note(*rejected: Reference, title: str = "113001", of: Identity = NOTE) -> Dataset:
    output = write_rejection_note(header("DX"), rejected, title, "Why.", of, KINDS)
    return dcmread(BytesIO(output.content))


@pytest.mark.parametrize("title", codes.REJECTION)
def test_a_note_selects_what_it_takes_back_and_says_why(title: str) -> None:
    written = note(SEG, SR, OTHER_SR, title=title)
    assert written.ConceptNameCodeSequence[0].CodeMeaning == codes.REJECTION[title].meaning
    assert (written.StudyInstanceUID, written.PatientID) == (STUDY, header("DX").PatientID)
    kinds = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID: item.ValueType
        for item in written.ContentSequence
        if "ReferencedSOPSequence" in item
    }
    assert kinds == {"2.25.11": "IMAGE", "2.25.12": "COMPOSITE", "2.25.13": "COMPOSITE"}
    (study,) = written.CurrentRequestedProcedureEvidenceSequence
    assert [len(series.ReferencedSOPSequence) for series in study.ReferencedSeriesSequence] == [
        1,
        2,
    ]
    assert "results withdrawn" in written.SeriesDescription


def test_the_same_note_twice_is_the_same_bytes_and_another_has_another_name() -> None:
    once, again = (
        write_rejection_note(header("DX"), [SEG], "113001", "Why.", NOTE, KINDS) for _ in "ab"
    )
    assert once == again
    elsewhere = replace(NOTE, withdraws=("OTHER", STUDY))
    assert note(SEG, of=elsewhere).SOPInstanceUID != note(SEG).SOPInstanceUID


@pytest.mark.parametrize("rejected", [(), (replace(SEG, study_instance_uid="2.25.99"),)])
def test_a_note_of_nothing_or_of_another_study_never_leaves(rejected: tuple[Reference]) -> None:
    with pytest.raises(InvalidResult):
        note(*rejected)


def test_a_later_issue_has_names_of_its_own_and_names_its_predecessors() -> None:
    found = findings()
    pixels_of = Results(header("DX"), found, pixels(found), EQUIPMENT, CREATED)
    later = Results(header("DX"), found, pixels(found), EQUIPMENT, CREATED, Issue(1, (SR,)))
    first = {output.role: output for output in pixels_of.write(("SEG", "SR"))}
    for output in later.write(("SEG", "SR")):
        assert output.sop_instance_uid != first[output.role].sop_instance_uid
        assert output.series_instance_uid != first[output.role].series_instance_uid
        report = dcmread(BytesIO(output.content))
        if output.role == "SR":
            (study,) = report.PredecessorDocumentsSequence
            (series,) = study.ReferencedSeriesSequence
            (named,) = series.ReferencedSOPSequence
            assert named.ReferencedSOPInstanceUID == SR.sop_instance_uid
    assert "PredecessorDocumentsSequence" not in dcmread(BytesIO(first["SR"].content))
