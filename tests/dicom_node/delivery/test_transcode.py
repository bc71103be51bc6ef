"""Outputs in other transfer syntaxes, read again with pydicom: nothing is lost on the way."""

from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from dicom_node.delivery.transcode import transcode
from dicom_node.errors import InvalidResult

#: Text in no character set, as inherited attributes may hold it.
MALFORMED = b"\xff\xfener"
SYNTAXES = (ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, JPEG2000Lossless, RLELossless)
#: What compressing must change of a data set.
OF_PIXELS = {"PixelData", "PhotometricInterpretation", "PlanarConfiguration"}


def picture() -> Dataset:
    """A Secondary Capture with all that is awkward: nesting, private and malformed elements."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = SecondaryCaptureImageStorage, UID("2.25.1")
    made.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    made.PatientName = "Yamada^Tarou=山田^太郎"
    made.AccessionNumber = ""
    inner = Dataset()
    inner.CodeValue, inner.CodeMeaning = "1", "inner"
    middle = Dataset()
    middle.PurposeOfReferenceCodeSequence = [inner, Dataset()]
    made.ReferencedStudySequence = [middle]
    made["ReferencedStudySequence"].is_undefined_length = True
    middle.is_undefined_length_sequence_item = True
    made.RequestAttributesSequence = []
    private = made.private_block(0x0099, "CXR", create=True)
    private.add_new(1, "UN", b"\1\2\3\4")
    pixels = np.random.default_rng(3).integers(0, 255, (41, 33, 3), np.uint8)
    made.Rows, made.Columns, made.SamplesPerPixel = 41, 33, 3
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation, made.PlanarConfiguration = 7, 0, 0
    made.PhotometricInterpretation = "RGB"
    made.PixelData = pixels.tobytes() + b"\0"
    made["PixelData"].VR = "OB"
    return made


def part10(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue().replace(b"inner", MALFORMED)


def values(dataset: Dataset) -> dict[str, object]:
    """Every value by its path."""
    found: dict[str, object] = {}
    for element in dataset:
        if element.VR == "SQ":
            found[str(element.tag)] = len(element.value)
            for number, item in enumerate(element.value):
                inside = values(item).items()
                found |= {f"{element.tag}[{number}]{path}": value for path, value in inside}
        else:
            found[str(element.tag)] = element.value
    return found


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_every_value_arrives(syntax: UID) -> None:
    content = part10(picture())
    received = dcmread(BytesIO(transcode(content, syntax)))
    assert received.file_meta.TransferSyntaxUID == syntax
    assert received.file_meta.MediaStorageSOPInstanceUID == "2.25.1"
    before, after = values(dcmread(BytesIO(content))), values(received)
    if syntax.is_compressed and not syntax.is_deflated:
        of_pixels = {str(received[keyword].tag) for keyword in OF_PIXELS}
        before = {tag: value for tag, value in before.items() if tag not in of_pixels}
        after = {tag: value for tag, value in after.items() if tag not in of_pixels}
    assert after == before


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless])
def test_malformed_and_multi_byte_text_stays_the_bytes_it_was(syntax: UID) -> None:
    rewritten = transcode(part10(picture()), syntax)
    assert rewritten.count(MALFORMED) == 1
    assert "山田".encode("iso2022_jp") in rewritten


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_the_picture_is_the_same_to_the_pixel(syntax: UID) -> None:
    content = part10(picture())
    received = dcmread(BytesIO(transcode(content, syntax)))
    assert np.array_equal(received.pixel_array, dcmread(BytesIO(content)).pixel_array)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_the_same_output_gives_the_same_bytes(syntax: UID) -> None:
    content = part10(picture())
    assert transcode(content, syntax) == transcode(content, syntax)


def test_what_cannot_be_rewritten_is_named() -> None:
    content = part10(picture()).replace(b"RGB ", b"RGBA")
    with pytest.raises(InvalidResult, match=r"2\.25\.1 as RLE Lossless"):
        transcode(content, RLELossless)
