"""What cannot be decoded is refused with a message that says what, which instance and why."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    MPEG2MPML,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from inference.decode import UndecodableImage, read_radiograph
from tests.inference.instances import (
    UID_OF_IMAGE,
    compressed,
    instance,
    jpeg,
    malformed,
    part10,
    smooth,
    twelve_bit,
)

COMPRESSED = (RLELossless, JPEGLSLossless, JPEG2000Lossless)


def refusal(source: Path | bytes | Dataset) -> str:
    with pytest.raises(UndecodableImage) as caught:
        read_radiograph(source)
    return str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\0" * 132, b"%PDF-1.7 " * 40], ids=repr)
def test_bytes_that_are_not_dicom_are_refused(content: bytes) -> None:
    assert "not a readable DICOM file" in refusal(content)


def test_a_file_that_is_not_dicom_is_named(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("dear colleague")
    assert str(path) in refusal(path)


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_radiograph(tmp_path / "absent.dcm")


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian], ids=lambda uid: uid.name
)
def test_a_truncated_file_is_refused(syntax: UID, share: float) -> None:
    content = part10(twelve_bit(syntax))
    refusal(content[: int(share * len(content))])


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("syntax", COMPRESSED, ids=lambda uid: uid.name)
def test_a_truncated_compressed_file_is_refused_by_its_uid(syntax: UID, share: float) -> None:
    content = part10(compressed(syntax))
    assert UID_OF_IMAGE in refusal(content[: int(share * len(content))])


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("syntax", COMPRESSED, ids=lambda uid: uid.name)
def test_a_codestream_that_ends_early_is_refused(syntax: UID, share: float) -> None:
    dataset = compressed(syntax)
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    dataset.PixelData = encapsulate([frame[: int(share * len(frame))]])
    assert UID_OF_IMAGE in refusal(part10(dataset))


def test_too_few_pixel_bytes_are_refused() -> None:
    dataset = twelve_bit()
    dataset.PixelData = dataset.PixelData[:-2]
    message = refusal(dataset)
    assert UID_OF_IMAGE in message
    assert f"the pixels are {len(dataset.PixelData)} bytes" in message


def test_pixels_of_more_rows_than_the_header_says_are_refused() -> None:
    dataset = twelve_bit()
    dataset.Rows -= 1
    assert f"the pixels are {len(dataset.PixelData)} bytes" in refusal(dataset)


def test_padding_behind_the_pixels_is_ignored() -> None:
    dataset = twelve_bit()
    dataset.PixelData += b"rest"
    expected = read_radiograph(twelve_bit()).pixels
    np.testing.assert_array_equal(read_radiograph(dataset).pixels, expected)


def test_an_enormous_image_is_refused_from_its_header_alone() -> None:
    dataset = instance(smooth(), Rows=20_000, Columns=20_000)
    tracemalloc.start()
    message = refusal(dataset)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "20000 x 20000 is more than 100 megapixels" in message
    assert peak_bytes < 1_000_000


def test_a_codestream_of_another_size_than_the_header_is_refused() -> None:
    dataset = jpeg(JPEGBaseline8Bit)
    dataset.Rows += 1
    assert "the header says 61 x 44" in refusal(dataset)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless], ids=lambda uid: uid.name)
def test_other_codecs_sizes_are_compared_as_well(syntax: UID) -> None:
    dataset = compressed(syntax)
    dataset.Columns += 2
    assert "the header says 60 x 46" in refusal(dataset)


@pytest.mark.parametrize(
    ("syntax", "says"),
    [
        (UID("1.2.3.4"), "no decoder for the transfer syntax 1.2.3.4"),
        (MPEG2MPML, "no decoder for the transfer syntax MPEG2"),
    ],
)
def test_an_unknown_transfer_syntax_is_named(syntax: UID, says: str) -> None:
    assert says in refusal(instance(smooth(), syntax))


def test_12_bit_jpeg_extended_says_what_to_install() -> None:
    frame = encapsulate([b"\xff\xd8\xff\xd9"])
    dataset = instance(smooth(), JPEGExtended12Bit, BitsStored=12, HighBit=11, PixelData=frame)
    assert "install the extra jpeg12" in refusal(dataset)


@pytest.mark.parametrize(
    "syntax",
    [*COMPRESSED, JPEGBaseline8Bit, JPEGLosslessSV1, HTJ2KLossless],
    ids=lambda uid: uid.name,
)
def test_garbage_in_place_of_a_codestream_is_refused(syntax: UID) -> None:
    garbage = encapsulate([b"not a codestream" * 8])
    assert UID_OF_IMAGE in refusal(instance(smooth(), syntax, PixelData=garbage))


@pytest.mark.parametrize("frames", [2, 40])
def test_a_series_of_frames_is_refused(frames: int) -> None:
    assert f"{frames} frames" in refusal(instance(smooth(), NumberOfFrames=frames))


@pytest.mark.parametrize("keyword", ["Rows", "Columns", "BitsAllocated", "PixelData"])
def test_what_the_pixels_cannot_be_read_without_is_named(keyword: str) -> None:
    dataset = twelve_bit()
    delattr(dataset, keyword)
    assert keyword.replace("PixelData", "Pixel Data") in refusal(dataset)


def test_a_data_set_without_transfer_syntax_is_refused() -> None:
    dataset = twelve_bit()
    del dataset.file_meta
    assert "Transfer Syntax is not said" in refusal(dataset)


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("Rows", "US", b"\1"),
        ("Rows", "US", b"\0\0"),
        ("BitsStored", "US", b"\0\0"),
        ("BitsStored", "US", b"\1\0\2\0"),
        ("BitsAllocated", "US", b"\x20\0"),
        ("NumberOfFrames", "IS", b"x "),
        ("PixelRepresentation", "US", b"\5\0"),
        ("PhotometricInterpretation", "CS", b"GREY"),
        ("PhotometricInterpretation", "CS", b"PALETTE COLOR "),
        ("SamplesPerPixel", "US", b"\3\0"),
        ("SamplesPerPixel", "US", b"\1\0\1\0"),
        ("PixelData", "AT", b"\1\2\3\4"),
        ("PixelData", "LO", b"text"),
        ("PixelData", "FD", b"odd"),
    ],
)
def test_a_malformed_pixel_description_is_refused(keyword: str, vr: str, value: bytes) -> None:
    assert UID_OF_IMAGE in refusal(malformed(keyword, vr, value))


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("WindowCenter", "DS", b"abc "),
        ("WindowWidth", "DS", b"0 "),
        ("WindowWidth", "DS", b"1\\x "),
        ("RescaleSlope", "DS", b"x "),
        ("RescaleIntercept", "DS", b"nan "),
        ("VOILUTSequence", "SQ", b"xxxx"),
        ("VOILUTFunction", "CS", b"A\\B "),
        ("ModalityLUTSequence", "SQ", b"yyyy"),
        ("PixelSpacing", "DS", b"a\\b "),
        ("PixelSpacing", "DS", b"1 "),
        ("PatientOrientation", "CS", b"L\\\xff"),
        ("PixelPaddingValue", "US", b"abcd"),
        ("HighBit", "US", b"abcd"),
        ("SOPInstanceUID", "UI", b"x\xff"),
        ("SpecificCharacterSet", "CS", b"nonsense"),
        ("PatientName", "PN", b"\xff\xfe"),
        ("NumberOfFrames", "IS", b"0 "),
    ],
)
def test_any_other_malformed_attribute_counts_as_absent(
    keyword: str, vr: str, value: bytes
) -> None:
    pixels = read_radiograph(malformed(keyword, vr, value)).pixels
    assert pixels.max() - pixels.min() > 0.9
    assert pixels[-1, -1] > pixels[0, 0]


@pytest.mark.parametrize("value", [np.uint8(7), np.uint16(7)], ids=["8 bit", "16 bit"])
def test_a_single_pixel_is_read(value: Any) -> None:
    assert read_radiograph(instance(np.array([[value]]))).pixels.shape == (1, 1)
