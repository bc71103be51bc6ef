"""Pixel Data (7FE0,0010) to the stored values of one frame, in any transfer syntax we can read.

The libraries that read a codec (`transfer_syntaxes`) are tried fastest first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.uid import UID, JPEGExtended12Bit

from inference.decoding.codestream import Declared, declared
from inference.decoding.part10 import length_of_items
from inference.decoding.pixel_description import (
    refuse_another_length,
    refuse_what_is_no_single_image,
    undecodable,
)
from inference.decoding.soundness import CUT_SHORT, fault_after_decoding, fault_before_decoding
from inference.decoding.transfer_syntaxes import PLUGINS
from inference.header import text_of
from inference.memory import is_out_of_memory

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
    plugins = _plugins(decoder, dataset)
    if not decoder.UID.is_encapsulated:
        refuse_another_length(dataset)
        return StoredPixels(_decoded(plugins, decoder, dataset), None)
    frame = _frame(dataset)
    says = declared(frame)
    _refuse_unsound(frame, says, dataset)
    values = _decoded(plugins, decoder, dataset)
    fault = fault_after_decoding(frame, decoder.UID, values)
    if fault:
        raise undecodable(dataset, f"{fault}: {_FROM_WHERE_WHOLE}")
    return StoredPixels(values, says.precision if says else None)


def _decoder(dataset: Dataset) -> Decoder:
    meta = getattr(dataset, "file_meta", None)
    uid = UID(text_of(meta, "TransferSyntaxUID") if meta is not None else "")
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
    if says.samples != dataset.SamplesPerPixel:
        raise undecodable(
            dataset,
            f"the compressed pixels have {says.samples} samples each, the header says "
            f"{dataset.SamplesPerPixel}: one of them is wrong, at the source",
        )
    if says.precision > dataset.BitsAllocated:
        raise undecodable(
            dataset,
            f"the compressed pixels have {says.precision} bits, the header allocates "
            f"{dataset.BitsAllocated}: one of them is wrong, at the source",
        )


def _decoded(plugins: Sequence[str], decoder: Decoder, dataset: Dataset) -> NDArray[Any]:
    faults = []
    for plugin in plugins:
        try:
            return _decode_with(plugin, decoder, dataset)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            # Each library has exceptions of its own, a hostile file can raise any, and a panic of
            # those written in Rust is no Exception.
            if is_out_of_memory(exc):
                raise
            # The last line is the library's own; pydicom's introduction comes before it.
            faults.append(str(exc).strip().rpartition("\n")[2].strip() or repr(exc))
    raise undecodable(dataset, f"the pixels cannot be read ({'; '.join(faults)}): they are damaged")


def _plugins(decoder: Decoder, dataset: Dataset) -> tuple[str, ...]:
    """Those to try, fastest first; "" stands for native values, which need none."""
    if not decoder.UID.is_encapsulated:
        return ("",)
    known = PLUGINS.get(decoder.UID, ())
    if dataset.BitsStored > 8:
        known = tuple(plugin for plugin in known if not plugin.only_8_bits)
    installed = tuple(p.name for p in known if p.name in decoder.available_plugins)
    if not installed and JPEGExtended12Bit == decoder.UID:
        raise undecodable(dataset, "12-bit JPEG Extended needs a decoder: install the extra jpeg12")
    if not installed:
        raise undecodable(dataset, f"no decoder for {decoder.UID.name} is installed on the node")
    return installed


def _decode_with(plugin: str, decoder: Decoder, dataset: Dataset) -> NDArray[Any]:
    # grayscale.py takes the stored bits out of each word, in its lookup table.
    options: Any = {"view_only": True, "correct_unused_bits": False, "allow_excess_frames": False}
    values, _ = decoder.as_array(dataset, decoding_plugin=plugin, **options)
    return values
