"""A JPEG whose header has lost a table is refused: GDCM would end the process."""

import pytest
from pydicom import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import UID, JPEGBaseline8Bit, JPEGLosslessSV1

from inference.decode import UndecodableImage, read_radiograph
from inference.decoding.codestream import DHT, DQT, marker_segments
from inference.decoding.jpeg_tables import has_its_tables
from tests.inference.instances import jpeg, jpeg_lossless_of, reread, twelve_bit


def image(syntax: UID) -> Dataset:
    return jpeg(syntax) if syntax == JPEGBaseline8Bit else jpeg_lossless_of(twelve_bit(), syntax)


def frame_of(dataset: Dataset) -> bytes:
    return get_frame(dataset.PixelData, 0, number_of_frames=1)


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGLosslessSV1])
def test_a_whole_one_has_its_tables(syntax: UID) -> None:
    assert has_its_tables(frame_of(image(syntax)))


@pytest.mark.parametrize(
    ("syntax", "lost"), [(JPEGBaseline8Bit, DHT), (JPEGBaseline8Bit, DQT), (JPEGLosslessSV1, DHT)]
)
@pytest.mark.parametrize("marker", [0x00, 0x01, 0xD0, 0xE0])
def test_one_that_has_lost_a_table_is_refused(syntax: UID, lost: int, marker: int) -> None:
    dataset = image(syntax)
    frame = bytearray(frame_of(dataset))
    at = next(start for found, start, _ in marker_segments(bytes(frame)) if found == lost)
    frame[at - 3] = marker
    dataset.PixelData = encapsulate([bytes(frame)])
    with pytest.raises(UndecodableImage, match="what is to be decoded by is not there"):
        read_radiograph(reread(dataset))


def test_a_transfer_syntax_of_several_values_is_one_nobody_can_read() -> None:
    dataset = reread(twelve_bit())
    dataset.file_meta["TransferSyntaxUID"].value = ["1.2.840.10008.1.2", "1.2.3"]
    with pytest.raises(UndecodableImage, match="no decoder for the transfer syntax"):
        read_radiograph(dataset)
