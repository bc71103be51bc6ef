"""Pixel Data (7FE0,0010) to the stored values of one frame, in any transfer syntax we can read.

Several libraries read the same codec at very different speeds, and each fails on some file that
another reads. They are tried fastest first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import Decoder, get_decoder
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
    RLELossless,
)

from inference.decoding.codestream import Declared, declared
from inference.decoding.part10 import length_of_items
from inference.decoding.pixel_description import (
    MAX_PIXELS,
    UndecodableImage,
    refuse_another_length,
    refuse_what_is_no_single_image,
    undecodable,
)
from inference.decoding.soundness import CUT_SHORT, fault_after_decoding, fault_before_decoding
from inference.header import value_of

__all__ = ["MAX_PIXELS", "PLUGINS", "StoredPixels", "UndecodableImage", "decode"]

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

#: Said of bytes that were whole once: only there can whole ones come from.
_FROM_WHERE_WHOLE = "send it again from where it is whole"


@dataclass(frozen=True, slots=True)
class StoredPixels:
    """One frame as it is stored."""

    values: NDArray[Any]  #: (rows, columns), or (rows, columns, 3) RGB
    precision: int | None  #: bits of a sample by the codestream; None where the header alone says


def decode(dataset: Dataset) -> StoredPixels:
    """The only frame of `dataset`, which is not altered; raises UndecodableImage.

    Native values keep whatever lies in the bits that are not stored.
    """
    refuse_what_is_no_single_image(dataset)
    decoder = _decoder(dataset)
    if not decoder.UID.is_encapsulated:
        refuse_another_length(dataset)
        return StoredPixels(_decoded(decoder, dataset), None)
    frame = _frame(dataset)
    says = declared(frame)
    _refuse_unsound(frame, says, dataset)
    values = _decoded(decoder, dataset)
    fault = fault_after_decoding(frame, decoder.UID, values)
    if fault:
        raise undecodable(dataset, f"{fault}: {_FROM_WHERE_WHOLE}")
    return StoredPixels(values, says.precision if says else None)


def _decoder(dataset: Dataset) -> Decoder:
    meta = getattr(dataset, "file_meta", None)
    uid = value_of(meta, "TransferSyntaxUID") if meta is not None else None
    if not uid:
        raise undecodable(dataset, "the Transfer Syntax is not said: send a Part 10 file")
    try:
        return get_decoder(uid)
    except NotImplementedError as exc:
        raise undecodable(
            dataset,
            f"no decoder for the transfer syntax {uid.name} ({uid}): "
            "send it in another, such as Explicit VR Little Endian",
        ) from exc


def _frame(dataset: Dataset) -> bytes:
    if length_of_items(dataset.PixelData) > len(dataset.PixelData):
        raise undecodable(dataset, f"{CUT_SHORT}: {_FROM_WHERE_WHOLE}")
    try:
        return get_frame(dataset.PixelData, 0, number_of_frames=1)
    except Exception as exc:
        # No fragments, or offsets that lead nowhere: several unrelated types.
        raise undecodable(
            dataset,
            f"the compressed pixels are not in fragments as they should be ({exc}): "
            f"{_FROM_WHERE_WHOLE}",
        ) from exc


def _refuse_unsound(frame: bytes, says: Declared | None, dataset: Dataset) -> None:
    fault = fault_before_decoding(frame, dataset.file_meta.TransferSyntaxUID, dataset)
    if fault:
        raise undecodable(dataset, f"{fault}: {_FROM_WHERE_WHOLE}")
    if says is None:
        return
    if (says.rows, says.columns) != (dataset.Rows, dataset.Columns):
        raise undecodable(
            dataset,
            f"the compressed pixels are {says.rows} x {says.columns}, the header says "
            f"{dataset.Rows} x {dataset.Columns}: one of them is wrong, at the source",
        )
    if says.precision > dataset.BitsAllocated:
        raise undecodable(
            dataset,
            f"the compressed pixels have {says.precision} bits, the header allocates "
            f"{dataset.BitsAllocated}: one of them is wrong, at the source",
        )


def _decoded(decoder: Decoder, dataset: Dataset) -> NDArray[Any]:
    faults = []
    for plugin in _plugins(decoder, dataset):
        try:
            return _decode_with(plugin, decoder, dataset)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            # Each library has exceptions of its own, a hostile file can raise any, and a panic of
            # those written in Rust is no Exception.
            # The last line is the library's own; pydicom's introduction comes before it.
            faults.append(str(exc).strip().rpartition("\n")[2].strip() or repr(exc))
    raise undecodable(dataset, f"the pixels cannot be read ({'; '.join(faults)}): they are damaged")


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
        raise undecodable(dataset, f"no decoder for {decoder.UID.name} is installed on the node")
    return tuple(installed)


def _decode_with(plugin: str, decoder: Decoder, dataset: Dataset) -> NDArray[Any]:
    # grayscale.py takes the stored bits out of each word, in its lookup table.
    options: Any = {"view_only": True, "correct_unused_bits": False, "allow_excess_frames": False}
    values, _ = decoder.as_array(dataset, decoding_plugin=plugin, **options)
    return values
