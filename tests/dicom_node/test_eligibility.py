"""Eligibility: what a header says refuses, what it leaves out does not."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    SecondaryCaptureImageStorage,
)

from dicom_node.eligibility import Refusal, judge


def header(
    sop_class: str = DigitalXRayImageStorageForPresentation, **attributes: object
) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = sop_class
    dataset.Modality = "CR" if sop_class == ComputedRadiographyImageStorage else "DX"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def coded(meaning: str, value: str = "0") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodeMeaning = value, meaning
    return item


EXPECTED = {
    "chest/cr_mono1_jpeglossless_noview.dcm": None,
    "chest/cr_pa_mono1_explicit_440.dcm": None,
    "chest/sc_cr_pa_mono2_jpegbaseline.dcm": None,
    "chest/sc_cr_pa_mono1_mislabelled_jpegbaseline.dcm": None,
    "chest/sc_dx_mono2_implicit_noview.dcm": None,
    "chest/sc_dx_mono2_implicit_noview_2.dcm": None,
    "not-chest/dx_lateral_dog_mono1.dcm": Refusal.LATERAL,
    "not-chest/sc_ct_labelled.dcm": Refusal.NOT_RADIOGRAPHY,
    "not-chest/cr_hip_jpegls.dcm": Refusal.NOT_CHEST,
    "not-chest/cr_tibia_rle.dcm": Refusal.NOT_CHEST,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_real_files_come_out_as_they_should(shared_data: Path, name: str) -> None:
    verdict = judge(dcmread(shared_data / "dicom" / name, stop_before_pixels=True))
    assert verdict.refusal is EXPECTED[name]
    assert bool(verdict.reason) == (EXPECTED[name] is not None)


@pytest.mark.parametrize(
    ("attributes", "refusal"),
    [
        ({}, None),
        ({"BodyPartExamined": "CHEST"}, None),
        ({"BodyPartExamined": "RIBCAGE"}, None),
        ({"BodyPartExamined": "RIBS THORAX"}, None),
        ({"BodyPartExamined": "SOMETHING ELSE"}, None),
        ({"BodyPartExamined": "KNEE"}, Refusal.NOT_CHEST),
        ({"BodyPartExamined": "L SPINE"}, Refusal.NOT_CHEST),
        ({"AnatomicRegionSequence": [coded("Hip joint")]}, Refusal.NOT_CHEST),
        ({"ViewPosition": "AP"}, None),
        ({"ViewPosition": "LL"}, Refusal.LATERAL),
        ({"ViewPosition": "RLO"}, Refusal.LATERAL),
        ({"ViewCodeSequence": [coded("lateral", "399067008")]}, Refusal.LATERAL),
        ({"ViewCodeSequence": [coded("antero-posterior", "399348003")]}, None),
        ({"PatientOrientation": ["A", "F"]}, Refusal.LATERAL),
        ({"PatientOrientation": ["L", "F"]}, None),
        ({"SeriesDescription": "Chest lateral"}, Refusal.LATERAL),
        ({"SeriesDescription": "Chest PA/LAT"}, None),
        # A study holds both views: its description must not refuse the frontal one.
        ({"StudyDescription": "Chest lateral"}, None),
        ({"ImageType": ["DERIVED", "PRIMARY", "POST_PROCESSED"]}, None),
        ({"ImageType": ["DERIVED", "SECONDARY"]}, Refusal.DERIVED),
        ({"NumberOfFrames": 1}, None),
        ({"NumberOfFrames": 12}, Refusal.MULTI_FRAME),
        ({"Modality": "MG"}, Refusal.NOT_RADIOGRAPHY),
        ({"PatientSpeciesDescription": "Canis lupus familiaris"}, Refusal.NOT_HUMAN),
        ({"PatientSpeciesDescription": "Homo sapiens"}, None),
        ({"Rows": 20000, "Columns": 20000}, Refusal.TOO_LARGE),
        ({"Rows": 4300, "Columns": 3500}, None),
    ],
)
def test_a_header_refuses_only_by_what_it_says(
    attributes: dict[str, object], refusal: Refusal | None
) -> None:
    assert judge(header(**attributes)).refusal is refusal


def test_another_sop_class_is_refused() -> None:
    assert judge(header(CTImageStorage)).refusal is Refusal.UNSUPPORTED_CLASS


def test_a_radiograph_in_a_secondary_capture_is_taken_but_our_own_overlay_is_not() -> None:
    capture = header(SecondaryCaptureImageStorage, ImageType=["DERIVED", "SECONDARY"])
    assert judge(capture).refusal is None
    capture.SourceImageSequence = [Dataset()]
    assert judge(capture).refusal is Refusal.DERIVED


def test_a_secondary_capture_without_modality_is_refused() -> None:
    capture = header(SecondaryCaptureImageStorage)
    del capture.Modality
    assert judge(capture).refusal is Refusal.NOT_RADIOGRAPHY


def test_the_verdict_tells_whether_the_header_names_the_chest() -> None:
    assert not judge(header()).says_chest
    assert judge(header(StudyDescription="XR Chest PA")).says_chest
    assert judge(header(BodyPartExamined="THORAX")).says_chest


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of what is malformed
@example("Modality", "SQ", b"\0\0\0\0\0\0\0\1\0\0\0\5\0\0\0\0")  # an element of group 0 in an item
@given(
    keyword=st.sampled_from(
        ["Modality", "BodyPartExamined", "ViewPosition", "NumberOfFrames", "Rows", "ImageType",
         "PatientOrientation", "ViewCodeSequence", "AnatomicRegionSequence", "SpecificCharacterSet"]
    ),
    vr=st.sampled_from(["CS", "IS", "US", "SQ", "LO", "UN"]),
    value=st.binary(max_size=20),
)  # fmt: skip
def test_no_malformed_element_makes_the_verdict_raise(keyword: str, vr: str, value: bytes) -> None:
    dataset = header()
    tag = Tag(keyword)
    dataset[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)
    judge(dataset)
