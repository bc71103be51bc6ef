"""Pixel Data (7FE0,0010) to the stored values of one frame, in any transfer syntax we can read.

Several libraries read the same codec at very different speeds, and each fails on some file that
another reads. They are tried fastest first.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.utils import get_expected_length
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEGLSTransferSyntaxes,
    RLELossless,
)

from inference.codestream import declared_size, is_complete
from inference.elements import value_of

#: Nothing that a radiograph needs, and 1.6 GB of memory while it is decoded.
MAX_PIXELS = 100_000_000

#: Fastest first; milliseconds for one 2544 x 3056 image (16 bit, baseline 8 bit) on one AVX2 core.
PLUGINS: Mapping[UID, tuple[str, ...]] = MappingProxyType(
    {
        RLELossless: ("pylibjpeg", "gdcm", "pydicom"),  # 20
        JPEGBaseline8Bit: ("pillow", "pylibjpeg", "gdcm"),  # 15, 73, 138
        JPEGExtended12Bit: ("pillow", "gdcm", "pylibjpeg"),  # 12 bit: pylibjpeg alone, 202
        JPEGLossless: ("gdcm", "pylibjpeg"),  # 203, 303
        JPEGLosslessSV1: ("gdcm", "pylibjpeg"),
        JPEGLSLossless: ("pyjpegls", "gdcm", "pylibjpeg"),  # 156, 229, 556
        JPEGLSNearLossless: ("pyjpegls", "gdcm", "pylibjpeg"),
        JPEG2000Lossless: ("pylibjpeg", "pillow", "gdcm"),  # 769, 828, 973
        JPEG2000: ("pylibjpeg", "pillow", "gdcm"),
        HTJ2KLossless: ("pylibjpeg",),
        HTJ2KLosslessRPCL: ("pylibjpeg",),
        HTJ2K: ("pylibjpeg",),
    }
)

_REQUIRED = (
    "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored", "PixelRepresentation",
)  # fmt: skip


class UndecodableImage(ValueError):
    """The pixels cannot be read: which SOP Instance, what is wrong, what to do."""


def decode(dataset: Dataset) -> NDArray[Any]:
    """Stored values as (rows, columns), or (rows, columns, 3) RGB; `dataset` is not altered.

    Native values keep whatever lies in the bits that are not stored. Raises UndecodableImage.
    """
    _refuse_what_is_no_single_image(dataset)
    decoder = _decoder(dataset)
    if decoder.UID.is_encapsulated:
        _refuse_unsound_codestream(dataset)
    else:
        _refuse_another_length(dataset)
    faults = []
    for plugin in _plugins(decoder, dataset):
        try:
            return _decode_with(plugin, decoder, dataset)
        except Exception as exc:
            # Each library has exceptions of its own, and a hostile file can raise any.
            # The last line is the library's own; pydicom's introduction comes before it.
            faults.append(str(exc).strip().rpartition("\n")[2].strip() or repr(exc))
    raise undecodable(dataset, f"the pixels cannot be read ({'; '.join(faults)}): send it again")


def undecodable(dataset: Dataset, what: str) -> UndecodableImage:
    meta = getattr(dataset, "file_meta", None)
    # Of a file that is cut short pydicom may give the meta information alone.
    uid = value_of(dataset, "SOPInstanceUID") or (
        value_of(meta, "MediaStorageSOPInstanceUID") if meta is not None else None
    )
    return UndecodableImage(f"instance {uid or 'without UID'}: {what}")


def _refuse_what_is_no_single_image(dataset: Dataset) -> None:
    if "PixelData" not in dataset:
        raise undecodable(
            dataset, "there is no Pixel Data (the file may be cut short): send it again"
        )
    # Under a VR that is no pixels' they are read as text, as numbers, or not at all.
    if not isinstance(value_of(dataset, "PixelData"), bytes):
        raise undecodable(dataset, "the Pixel Data holds no bytes: send it again")
    absent = [keyword for keyword in _REQUIRED if value_of(dataset, keyword) is None]
    if absent:
        raise undecodable(dataset, f"without {', '.join(absent)} the pixels cannot be read")
    _whole(dataset, "SamplesPerPixel")
    rows, columns = _whole(dataset, "Rows"), _whole(dataset, "Columns")
    if rows < 1 or columns < 1:
        raise undecodable(dataset, f"Rows x Columns is {rows} x {columns}: there is no image")
    # From the header, before anything of that size is allocated.
    if rows * columns > MAX_PIXELS:
        limit = MAX_PIXELS // 1_000_000
        raise undecodable(dataset, f"{rows} x {columns} is more than {limit} megapixels: refused")
    frames = value_of(dataset, "NumberOfFrames") or 1
    if str(frames) != "1":
        raise undecodable(dataset, f"{frames} frames: only single images are read, not series")
    if dataset.BitsAllocated not in (8, 16):
        raise undecodable(dataset, f"Bits Allocated is {dataset.BitsAllocated}, not 8 or 16")
    if not 1 <= _whole(dataset, "BitsStored") <= dataset.BitsAllocated:
        raise undecodable(
            dataset, f"{dataset.BitsStored} bits stored do not fit {dataset.BitsAllocated}"
        )


def _refuse_another_length(dataset: Dataset) -> None:
    """Pixels of another number than Rows x Columns: which of the two is wrong nobody knows."""
    try:
        expected = get_expected_length(dataset)
    except Exception as exc:
        # A photometric interpretation or sample count that pydicom does not know.
        raise undecodable(dataset, f"how long the pixels should be is not clear ({exc})") from exc
    length = len(dataset.PixelData)
    # A little behind the pixels is padding, which some writers are generous with; a row is not.
    row = max(2, expected // _whole(dataset, "Rows"))
    if not expected <= length < expected + row:
        raise undecodable(
            dataset,
            f"the pixels are {length} bytes, Rows x Columns need {expected}: send it again",
        )


def _refuse_unsound_codestream(dataset: Dataset) -> None:
    try:
        frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    except Exception as exc:
        # Fragments that end too early, or were never there: several unrelated types.
        raise undecodable(dataset, f"the pixels are cut short ({exc}): send it again") from exc
    # CharLS reads on past the end of a stream that stops early: 7 to 13 s, whatever its size.
    if dataset.file_meta.TransferSyntaxUID in JPEGLSTransferSyntaxes and not is_complete(frame):
        raise undecodable(dataset, "the JPEG-LS codestream is cut short: send it again")
    declared, header = declared_size(frame), (dataset.Rows, dataset.Columns)
    if declared is not None and declared != header:
        raise undecodable(
            dataset,
            f"the compressed pixels are {declared[0]} x {declared[1]}, "
            f"the header says {header[0]} x {header[1]}",
        )


def _whole(dataset: Dataset, keyword: str) -> int:
    value = value_of(dataset, keyword)
    if not isinstance(value, int):
        raise undecodable(dataset, f"{keyword} is {value!r}, not a whole number")
    return value


def _decoder(dataset: Dataset) -> Decoder:
    meta = getattr(dataset, "file_meta", None)
    uid = value_of(meta, "TransferSyntaxUID") if meta is not None else None
    if not uid:
        raise undecodable(dataset, "the Transfer Syntax is not said: send a Part 10 file")
    try:
        return get_decoder(uid)
    except NotImplementedError as exc:
        raise undecodable(
            dataset, f"no decoder for the transfer syntax {uid.name} ({uid}): send another"
        ) from exc


def _plugins(decoder: Decoder, dataset: Dataset) -> tuple[str, ...]:
    """Those to try, fastest first; "" stands for native values, which need none."""
    if not decoder.UID.is_encapsulated:
        return ("",)
    installed = [p for p in PLUGINS.get(decoder.UID, ()) if p in decoder.available_plugins]
    # Pillow and GDCM read Extended up to 8 bits only.
    if JPEGExtended12Bit == decoder.UID and dataset.BitsStored > 8:
        installed = [plugin for plugin in installed if plugin == "pylibjpeg"]
        if not installed:
            raise undecodable(
                dataset, "12-bit JPEG Extended needs a decoder: install the extra jpeg12"
            )
    if not installed:
        raise undecodable(dataset, f"no decoder for {decoder.UID.name} is installed")
    return tuple(installed)


def _decode_with(plugin: str, decoder: Decoder, dataset: Dataset) -> NDArray[Any]:
    # grayscale.py takes the stored bits out of each word, in its lookup table.
    options: Any = {"view_only": True, "correct_unused_bits": False, "allow_excess_frames": False}
    values, _ = decoder.as_array(dataset, decoding_plugin=plugin, **options)
    return values
