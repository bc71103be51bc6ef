"""A positive radiograph is marked "Of Interest", with what was found on it."""

import pytest
from pydicom import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from sr_writer import codes
from sr_writer.identity import RESEARCH_USE
from sr_writer.wording import conclusion
from tests.sr_writer.examples import (
    ENGLISH,
    EQUIPMENT,
    ROLES,
    SOURCE_UID,
    all_results,
    faint,
    findings,
    write,
)
from tests.sr_writer.reading import child, code, read


@pytest.fixture(scope="module")
def selection() -> Dataset:
    return read(all_results()["KO"])


def test_it_is_a_key_object_selection_of_interest(selection: Dataset) -> None:
    assert selection.SOPClassUID == KeyObjectSelectionDocumentStorage
    assert selection.Modality == "KO"
    assert code(selection.ConceptNameCodeSequence[0]) == ("113000", "DCM")
    assert selection.ContentTemplateSequence[0].TemplateIdentifier == "2010"


def test_it_selects_the_source_and_its_segmentation(selection: Dataset) -> None:
    seg = all_results()["SEG"]
    images = [item for item in selection.ContentSequence if item.ValueType == "IMAGE"]
    # TID 2010 has no purpose of reference for what is selected.
    assert not any("ConceptNameCodeSequence" in item for item in images)
    selected = [item.ReferencedSOPSequence[0] for item in images]
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
    assert description.startswith(conclusion(findings(), ENGLISH))
    assert findings().reason in description
    assert description.endswith(RESEARCH_USE)
    assert EQUIPMENT.device_uid == child(selection, codes.DEVICE_OBSERVER_UID).UID


def test_what_is_doubtful_is_not_put_on_top_of_a_list() -> None:
    assert "KO" not in write(faint(), roles=ROLES)
