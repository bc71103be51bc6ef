"""Compressed pixels whose Sequence Delimitation Item is missing: every item says its length."""

import struct

import numpy as np
import pytest
from pydicom.uid import UID, JPEG2000Lossless, JPEGLSLossless, RLELossless

from inference.decode import UndecodableImage, read_radiograph
from inference.decoding.part10 import read_part10
from tests.inference.instances import UID_OF_IMAGE, compressed, part10

DELIMITER = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


def file_with(ending: bytes, syntax: UID = JPEG2000Lossless) -> bytes:
    content = part10(compressed(syntax))
    assert content.endswith(DELIMITER)
    return content[: -len(DELIMITER)] + ending


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, RLELossless])
@pytest.mark.parametrize("ending", [b"", bytes(8), bytes(200), DELIMITER[:5]], ids=repr)
def test_the_pixels_are_read_without_it(ending: bytes, syntax: UID) -> None:
    expected = read_radiograph(file_with(DELIMITER, syntax)).pixels
    np.testing.assert_array_equal(read_radiograph(file_with(ending, syntax)).pixels, expected)


def test_the_header_is_whole_without_it() -> None:
    whole, without = read_part10(file_with(DELIMITER)), read_part10(file_with(b""))
    assert without == whole
    assert without.SOPInstanceUID == UID_OF_IMAGE


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_file_cut_within_its_pixels_keeps_its_header_and_says_so(share: float) -> None:
    content = file_with(b"")
    begins = len(content) - len(read_part10(content).PixelData)
    cut = content[: begins + int(share * (len(content) - begins))]
    assert read_part10(cut).SOPInstanceUID == UID_OF_IMAGE
    with pytest.raises(UndecodableImage, match="cut short: send it again from where it is whole"):
        read_radiograph(cut)


def test_a_file_that_ends_before_its_data_set_says_so() -> None:
    content = file_with(DELIMITER)
    with pytest.raises(UndecodableImage, match="ends within its header: send it again"):
        read_radiograph(content[: content.index(b"\x08\x00\x16\x00UI")])
