"""Eligibility: what a header says refuses, what it leaves out does not."""

from pathlib import Path
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping
from pydicom.tag import Tag
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    SecondaryCaptureImageStorage,
)

from dicom_node.intake.eligibility import judge
from dicom_node.intake.vocabulary import DECUBITUS_CODES, FRONTAL_VIEW_CODES, LATERAL_VIEW_CODES
from dicom_node.skipping import Refusal
from tests.dicom_node.real_files import EXPECTED
from tests.dicom_node.spellings import PARTS, SERIES_TEXTS, VIEWS, Kind, spelled

#: Scheme, keyword and code to a meaning and the context groups it is in: pydicom gives it no type.
CONCEPTS = cast("dict[str, dict[str, dict[str, tuple[str, list[int]]]]]", concepts)


def header(
    sop_class: str = DigitalXRayImageStorageForPresentation, /, **attributes: object
) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = sop_class
    dataset.Modality = "CR" if sop_class == ComputedRadiographyImageStorage else "DX"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def coded(meaning: str, value: str = "0", scheme: str = "SCT") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def kind_of(dataset: Dataset) -> Kind:
    verdict = judge(dataset)
    if verdict.refusal is None:
        return Kind.FRONTAL if verdict.says_chest else Kind.UNKNOWN
    return {Refusal.LATERAL: Kind.LATERAL, Refusal.NOT_CHEST: Kind.NOT_CHEST}[verdict.refusal]


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


def test_the_table_of_spellings_is_long_and_none_is_in_it_twice() -> None:
    tables = [spelled(table) for table in (VIEWS, SERIES_TEXTS, PARTS)]
    assert sum(map(len, tables)) > 300
    for table in tables:
        assert len({spelling for spelling, _ in table}) == len(table)


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of what is no Code String
@pytest.mark.parametrize(("view", "kind"), spelled(VIEWS))
def test_a_view_position_is_understood_however_it_is_spelled(view: str, kind: Kind) -> None:
    assert kind_of(header(BodyPartExamined="CHEST", ViewPosition=view)) is kind


@pytest.mark.parametrize(("text", "kind"), spelled(SERIES_TEXTS))
@pytest.mark.parametrize(
    "keyword", ["SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription"]
)
def test_what_people_wrote_is_understood_in_seven_languages(
    keyword: str, text: str, kind: Kind
) -> None:
    assert kind_of(header(**{keyword: text})) is kind
    if kind in (Kind.FRONTAL, Kind.LATERAL):
        assert kind_of(header(**{keyword: text, "BodyPartExamined": "CHEST"})) is kind


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of what is no Code String
@pytest.mark.parametrize(("part", "kind"), spelled(PARTS))
def test_a_body_part_is_understood_however_it_is_spelled(part: str, kind: Kind) -> None:
    assert kind_of(header(BodyPartExamined=part)) is kind
    assert kind_of(header(AnatomicRegionSequence=[coded(part)])) is kind


@pytest.mark.parametrize("code", sorted(LATERAL_VIEW_CODES))
@pytest.mark.parametrize("scheme", ["SCT", "SRT", "SNM3", "99SDM"])
def test_a_coded_view_is_refused_by_its_code_alone(code: str, scheme: str) -> None:
    dataset = header(BodyPartExamined="CHEST", ViewCodeSequence=[coded("?", code, scheme)])
    assert kind_of(dataset) is Kind.LATERAL


def test_the_codes_are_those_of_the_standard() -> None:
    """PS3.16 CID 4010 and CID 20, as pydicom has them, with the SNOMED-RT each was once."""
    rt_of = mapping["SCT"]

    def codes(cid: int, *words: str) -> set[str]:
        coded_so = {
            code
            for scheme, names in cid_concepts[cid].items()
            for name in names
            for code, (meaning, cids) in CONCEPTS[scheme][name].items()
            if cid in cids and any(word in meaning.lower() for word in words)
        }
        return coded_so | {rt_of[code] for code in coded_so}

    sides = "lateral", "sagittal", "oblique", "medial"
    assert codes(4010, *sides) == LATERAL_VIEW_CODES
    fronts = codes(4010, "antero-posterior", "postero-anterior", "frontal")
    assert fronts - LATERAL_VIEW_CODES == FRONTAL_VIEW_CODES
    assert codes(20, "lateral decubitus") == DECUBITUS_CODES


def test_a_coded_frontal_view_is_believed_before_a_description_shared_by_both_views() -> None:
    frontal = coded("antero-posterior", "R-10206", "SRT")
    dataset = header(ViewCodeSequence=[frontal], SeriesDescription="Thorax seitlich")
    assert judge(dataset).refusal is None


def test_a_frontal_view_of_a_patient_on_the_side_is_refused() -> None:
    position = coded("recumbent", "102538003")
    position.PatientOrientationModifierCodeSequence = [coded("left lateral decubitus", "F-10319")]
    dataset = header(PatientOrientationCodeSequence=[position])
    assert judge(dataset).refusal is Refusal.LATERAL


@pytest.mark.parametrize(
    ("part", "protocol", "refusal"),
    [
        # One protocol, two images: Body Part Examined says which this one is.
        ("ABDOMEN", "THORAX ABDOMEN", Refusal.NOT_CHEST),
        ("CHEST", "THORAX ABDOMEN", None),
        ("TSPINE", "Thorax/BWS", Refusal.NOT_CHEST),
        ("THORACIC SPINE", "Chest", Refusal.NOT_CHEST),
        ("CHEST", "ABDOMEN SUPINE", None),
        ("", "Thorax und Abdomen", None),
        ("", "Abdomen", Refusal.NOT_CHEST),
        ("", "Thoracic spine", Refusal.NOT_CHEST),
    ],
)
def test_what_states_the_body_part_wins_over_what_mentions_one(
    part: str, protocol: str, refusal: Refusal | None
) -> None:
    dataset = header(BodyPartExamined=part, ProtocolName=protocol)
    assert judge(dataset).refusal is refusal


def test_what_a_study_was_for_refuses_no_image_of_it() -> None:
    dataset = header(StudyDescription="Polytrauma: Becken, HWS, Thorax lat")
    assert judge(dataset).refusal is None
    assert judge(header(StudyDescription="Pelvis and hips")).refusal is None


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
