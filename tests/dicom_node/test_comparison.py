"""What counts as a change of an instance, and what does not."""

import copy

import pytest
from pydicom import Dataset
from pydicom.uid import RLELossless

from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.worker.comparison import Difference, compare
from tests.phantoms import draw


@pytest.fixture(scope="module")
def image() -> Dataset:
    return as_dicom(
        draw(Kind.LEFT_OPACITY, rows=128, columns=106, seed=8),
        patient_orientation=("L", "F"),
        PatientName="Müller^Jürgen",
        SpecificCharacterSet="ISO_IR 100",
        IssuerOfPatientID="HOSPITAL",
        AccessionNumber="A1",
    )


def changed(image: Dataset, **attributes: object) -> Dataset:
    image = copy.deepcopy(image)
    for keyword, value in attributes.items():
        setattr(image, keyword, value)
    return image


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientID", "ANOTHER"),
        ("IssuerOfPatientID", "ELSEWHERE"),
        ("PatientName", "Müller^Jörg"),
        ("PatientBirthDate", "19700101"),
        ("PatientSex", "O"),
        ("StudyInstanceUID", "1.2.3"),
        ("AccessionNumber", "A2"),
    ],
)
def test_whose_image_it_is_and_where_it_lies_matters(
    image: Dataset, keyword: str, value: str
) -> None:
    assert compare(image, changed(image, **{keyword: value})) == Difference((keyword,), ())


@pytest.mark.parametrize(
    ("attributes", "what"),
    [
        ({"SeriesInstanceUID": "1.2.3"}, ("SeriesInstanceUID",)),
        ({"WindowWidth": 300}, ("pixels",)),
        ({"PresentationLUTShape": "INVERSE"}, ("pixels",)),
        ({"ImagerPixelSpacing": [0.1, 0.1]}, ("spacing",)),
        ({"PatientOrientation": ["R", "F"]}, ("orientation",)),
        ({"ViewPosition": "LL"}, ("eligibility",)),
        ({"PatientAge": "012Y"}, ("cautions",)),
    ],
    ids=lambda value: next(iter(value)),
)
def test_what_the_analysis_rests_on_matters(
    image: Dataset, attributes: dict[str, object], what: tuple[str, ...]
) -> None:
    assert compare(image, changed(image, **attributes)) == Difference((), what)


def test_how_it_is_described_stored_or_encoded_does_not_matter(image: Dataset) -> None:
    other = changed(
        image,
        StudyDescription="Thorax p.a.",
        InstanceNumber=7,
        PatientID=f" {image.PatientID} ",
        PatientName="Müller^Jürgen^^",
        ReferringPhysicianName="Somebody^Else",
    )
    other.SpecificCharacterSet = "ISO_IR 192"
    other.compress(RLELossless, generate_instance_uid=False)
    difference = compare(image, other)
    assert not difference
    assert str(difference) == "nothing that matters"


def test_what_changed_is_said_without_its_values(image: Dataset) -> None:
    other = changed(image, PatientID="SECRET", WindowWidth=300)
    assert str(compare(image, other)) == "PatientID, pixels"


def test_two_that_are_refused_alike_are_not_decoded(image: Dataset) -> None:
    lateral = changed(image, ViewPosition="LL")
    assert not compare(lateral, changed(lateral, PixelData=b"none"))
