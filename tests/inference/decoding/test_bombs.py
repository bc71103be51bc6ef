"""Small files that would take all memory: refused before it is taken."""

import resource
import struct
import zlib

import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from inference.decode import UndecodableImage, read_radiograph
from inference.decoding.deflated import inflates_beyond
from tests.inference.instances import part10, twelve_bit

MEGABYTE = 1 << 20


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def zeros(megabytes: int) -> bytes:
    """So many, deflated."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    parts = [compressor.compress(bytes(MEGABYTE)) for _ in range(megabytes)]
    return b"".join([*parts, compressor.flush()])


def test_the_size_is_known_without_the_bytes() -> None:
    deflated = zeros(64)
    before = peak_mb()
    assert inflates_beyond(deflated, 64 * MEGABYTE - 1)
    assert not inflates_beyond(deflated, 64 * MEGABYTE)
    assert not inflates_beyond(b"no deflate stream", 1)
    assert peak_mb() - before < 20


def test_a_deflated_bomb_is_refused() -> None:
    dataset = twelve_bit()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    small = part10(dataset)
    meta_ends = 144 + struct.unpack_from("<L", small, 140)[0]
    before = peak_mb()
    with pytest.raises(UndecodableImage, match="inflated, it is larger than 1024 MiB"):
        read_radiograph(small[:meta_ends] + zeros(1500))
    assert peak_mb() - before < 60


def test_a_codestream_of_more_samples_than_the_header_says_is_refused() -> None:
    dataset = twelve_bit()
    size = (dataset.Columns, dataset.Rows, 0, 0)
    siz = struct.pack(">HHHH8IH", 0xFF4F, 0xFF51, 38 + 3 * 16384, 0, *size, *size, 16384)
    frame = siz + bytes([15, 1, 1]) * 16384 + b"\xff\x90\0\x0a\0\0\0\0\0\0\0\1" + b"\xff\xd9"
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].is_undefined_length = True
    with pytest.raises(UndecodableImage, match="have 16384 samples each"):
        read_radiograph(part10(dataset))


def test_run_lengths_that_give_gigabytes_are_refused() -> None:
    dataset = twelve_bit()
    count = dataset.BitsAllocated // 8
    segment = bytes([129, 0]) * (9 * MEGABYTE)
    starts = [64 + at * len(segment) for at in range(count)]
    header = struct.pack("<16L", count, *starts, *[0] * (15 - count))
    dataset.file_meta.TransferSyntaxUID = RLELossless
    dataset.PixelData = encapsulate([header + segment * count])
    dataset["PixelData"].is_undefined_length = True
    content = part10(dataset)
    before = peak_mb()
    with pytest.raises(UndecodableImage, match="too many pixels"):
        read_radiograph(content)
    assert peak_mb() - before < 300
