"""What a radiograph carries besides its pixels: spacing, orientation, cautions, its own header."""

import copy
from pathlib import Path
from typing import Any

import pytest
from pydicom import DataElement

from inference.decode import Radiograph, read_radiograph
from inference.findings import Caution, SpacingSource
from tests.inference.instances import UID_OF_IMAGE, instance, part10, smooth, twelve_bit


def read(**header: Any) -> Radiograph:
    return read_radiograph(instance(smooth(), **header))


def test_a_file_its_bytes_and_its_data_set_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "image.dcm"
    path.write_bytes(part10(twelve_bit()))
    sources = (path, path.read_bytes(), twelve_bit())
    assert [read_radiograph(source).pixels.tobytes() for source in sources] == [
        read_radiograph(twelve_bit()).pixels.tobytes()
    ] * 3


def test_the_data_set_is_not_altered() -> None:
    dataset = instance(smooth(), WindowCenter=[100, 2000], WindowWidth=[0, 4000], RescaleSlope=1)
    before = copy.deepcopy(dataset)
    radiograph = read_radiograph(dataset)
    radiograph.header.PatientName = "somebody^else"
    radiograph.header.file_meta.ImplementationVersionName = "other"
    assert dataset == before
    assert dataset.file_meta == before.file_meta


def test_the_header_has_everything_but_the_pixels() -> None:
    radiograph = read(PatientName="Doe^Jane")
    assert "PixelData" not in radiograph.header
    assert radiograph.header.PatientName == "Doe^Jane"
    assert radiograph.header.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert radiograph.sop_instance_uid == UID_OF_IMAGE


@pytest.mark.parametrize(
    ("header", "spacing_mm", "source"),
    [
        ({"PixelSpacing": [0.2, 0.3]}, (0.2, 0.3), SpacingSource.PIXEL_SPACING),
        ({"ImagerPixelSpacing": [0.1, 0.1]}, (0.1, 0.1), SpacingSource.IMAGER_PIXEL_SPACING),
        (
            {"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.1, 0.1]},
            (0.1, 0.1),
            SpacingSource.IMAGER_PIXEL_SPACING,
        ),
        ({"PixelSpacing": None}, None, SpacingSource.NONE),
        ({"PixelSpacing": 0.2}, None, SpacingSource.NONE),
        ({}, None, SpacingSource.NONE),
    ],
)
def test_spacing_says_where_it_came_from(
    header: dict[str, Any], spacing_mm: tuple[float, float] | None, source: SpacingSource
) -> None:
    radiograph = read(**header)
    assert (radiograph.spacing_mm, radiograph.spacing_source) == (spacing_mm, source)


@pytest.mark.parametrize(
    ("header", "caution"),
    [
        ({}, Caution.LATERALITY_ASSUMED),
        ({}, Caution.SPACING_UNKNOWN),
        ({"ImagerPixelSpacing": [0.1, 0.1]}, Caution.SPACING_AT_DETECTOR),
        (
            {"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.1, 0.1]},
            Caution.SPACING_AT_DETECTOR,
        ),
        ({"PresentationIntentType": "FOR PROCESSING"}, Caution.FOR_PROCESSING),
    ],
)
def test_each_assumption_is_a_caution(header: dict[str, Any], caution: Caution) -> None:
    assert caution in read(**header).cautions


def test_a_complete_header_needs_no_caution() -> None:
    radiograph = read(
        PatientOrientation=["L", "F"],
        PixelSpacing=[0.14, 0.14],
        ImagerPixelSpacing=[0.15, 0.15],
        PresentationIntentType="FOR PRESENTATION",
    )
    assert radiograph.cautions == ()


def test_every_real_chest_radiograph_is_read(chest: Path) -> None:
    radiograph = read_radiograph(chest)
    assert radiograph.pixels.shape == (radiograph.header.Rows, radiograph.header.Columns)
    assert 0.2 < radiograph.pixels.mean() < 0.8


def test_flat_rows_are_found_but_for_those_at_the_top() -> None:
    pixels = smooth(200, 30)
    pixels[:9], pixels[100:110], pixels[150], pixels[195:] = 0, 7, 7, 9
    assert read_radiograph(instance(pixels)).flat_rows == ((100, 110), (195, 200))


def test_frames_are_counted_as_is_writes_numbers() -> None:
    for written in ("1", "01", "+1", "0"):
        dataset = instance(smooth())
        dataset.add(DataElement(0x00280008, "IS", written))
        assert read_radiograph(dataset).pixels.shape == smooth().shape
