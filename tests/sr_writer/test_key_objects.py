"""A positive radiograph is marked "Of Interest", with what was found on it."""

import pytest
from pydicom import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from sr_writer import codes
from sr_writer.identity import RESEARCH_USE
from sr_writer.results import Role
from tests.sr_writer.examples import EQUIPMENT, SOURCE_UID, all_results, findings
from tests.sr_writer.reading import child, children, code, read


@pytest.fixture(scope="module")
def selection() -> Dataset:
    return read(all_results()[Role.KO])


def test_it_is_a_key_object_selection_of_interest(selection: Dataset) -> None:
    assert selection.SOPClassUID == KeyObjectSelectionDocumentStorage
    assert selection.Modality == "KO"
    assert code(selection.ConceptNameCodeSequence[0]) == ("113000", "DCM")
    assert selection.ContentTemplateSequence[0].TemplateIdentifier == "2010"


def test_it_selects_the_source_and_its_segmentation(selection: Dataset) -> None:
    seg = all_results()[Role.SEG]
    selected = [item.ReferencedSOPSequence[0] for item in children(selection, codes.SOURCE)]
    assert [item.ReferencedSOPInstanceUID for item in selected] == [
        SOURCE_UID,
        seg.sop_instance_uid,
    ]
    [study] = selection.CurrentRequestedProcedureEvidenceSequence
    evidence = [
        instance.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    ]
    assert evidence == [SOURCE_UID, seg.sop_instance_uid]


def test_it_says_why_by_whom_and_for_what(selection: Dataset) -> None:
    description = child(selection, codes.KEY_OBJECT_DESCRIPTION).TextValue
    assert description.startswith("COVID-19 infection seen")
    assert findings().reason in description
    assert description.endswith(RESEARCH_USE)
    assert EQUIPMENT.device_uid == child(selection, codes.DEVICE_OBSERVER_UID).UID
