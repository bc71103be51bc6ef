"""An output in another transfer syntax than it was built in (PS3.5 Annex A), with nothing lost.

What was verified is what arrives: values are carried over as the bytes they are. pydicom's own
writer would decode and encode each again, and change or refuse what came malformed.
"""

import zlib
from collections.abc import Callable
from io import BytesIO
from struct import pack, unpack

from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)
from pydicom.valuerep import VR

from dicom_node.errors import InvalidResult

#: Preamble, "DICM" and the element that says how long the rest of the file meta group is.
_BEFORE_META = 144
#: PS3.5 7.1.2: those whose length takes four bytes.
_LONG_VRS = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ",
             b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}  # fmt: skip
#: PS3.5 7.5: where an undefined length ends; it reads as one that is longer than any file.
_ITEM_DELIMITATION = (0xFFFE, 0xE00D)
_SEQUENCE_DELIMITATION = (0xFFFE, 0xE0DD)


def transcode(content: bytes, transfer_syntax_uid: str) -> bytes:
    """A Part 10 file in Explicit VR Little Endian, rewritten; raises InvalidResult.

    The pixels are only ever compressed where they are those of a Secondary Capture.
    """
    syntax = UID(transfer_syntax_uid)
    dataset = dcmread(BytesIO(content))
    meta = dataset.file_meta
    explicit = content[_BEFORE_META + meta.FileMetaInformationGroupLength :]
    try:
        encoded = _ENCODERS[syntax](explicit, dataset)
    except MemoryError:
        raise
    except Exception as exc:
        # What was inherited may be malformed in any way, and each raises something else.
        raise InvalidResult(f"{dataset.SOPInstanceUID} as {syntax.name}: {exc}") from exc
    meta.TransferSyntaxUID = syntax
    buffer = DicomBytesIO()
    buffer.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(buffer, meta)
    return buffer.getvalue() + encoded


def _implicit(explicit: bytes, _dataset: Dataset) -> bytes:
    return _implicit_elements(BytesIO(explicit), len(explicit))


def _implicit_elements(explicit: BytesIO, length: int) -> bytes:
    """PS3.5 7.1.3: tag, length, value. A value is the same bytes with and without its VR."""
    elements, end = [], explicit.tell() + length
    while explicit.tell() < end:
        group, element, vr, size = unpack("<HH2sH", explicit.read(8))
        if (group, element) == _ITEM_DELIMITATION:
            break
        if vr in _LONG_VRS:
            (size,) = unpack("<L", explicit.read(4))
        value = _implicit_items(explicit, size) if vr == b"SQ" else explicit.read(size)
        elements.append(pack("<HHL", group, element, len(value)) + value)
    return b"".join(elements)


def _implicit_items(explicit: BytesIO, length: int) -> bytes:
    """PS3.5 7.5: the items of a sequence, all of a defined length."""
    items, end = [], explicit.tell() + length
    while explicit.tell() < end:
        group, element, size = unpack("<HHL", explicit.read(8))
        if (group, element) == _SEQUENCE_DELIMITATION:
            break
        item = _implicit_elements(explicit, size)
        items.append(pack("<HHL", group, element, len(item)) + item)
    return b"".join(items)


def _deflated(explicit: bytes, _dataset: Dataset) -> bytes:
    """PS3.5 A.5: the data set as it is, in the deflate format of RFC 1951, padded to even."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = compressor.compress(explicit) + compressor.flush()
    return deflated + b"\0" * (len(deflated) % 2)


def _run_length(_explicit: bytes, dataset: Dataset) -> bytes:
    """PS3.5 Annex G: 0.1 s for an overlay."""
    # Not GDCM, which pydicom would take: an image it will not encode ends the process.
    dataset.compress(RLELossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    return _encoded(dataset)


def _jpeg2000(_explicit: bytes, dataset: Dataset) -> bytes:
    """PS3.5 A.4.4, reversible: 0.2 s for an overlay with Pillow, 0.9 s with pydicom's encoder."""
    from PIL import Image  # here: most senders never need it

    codestream = BytesIO()
    picture = Image.fromarray(dataset.pixel_array)
    picture.save(codestream, "JPEG2000", no_jp2=True, irreversible=False, mct=1)
    dataset.PixelData = encapsulate([codestream.getvalue()])
    dataset["PixelData"].VR = VR.OB
    dataset["PixelData"].is_undefined_length = True
    # What the reversible transformation of RGB is called, PS3.3 C.7.6.3.1.2.
    dataset.PhotometricInterpretation = "YBR_RCT"
    return _encoded(dataset)


def _encoded(dataset: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_dataset(buffer, dataset)
    return buffer.getvalue()


_ENCODERS: dict[UID, Callable[[bytes, Dataset], bytes]] = {
    ImplicitVRLittleEndian: _implicit,
    DeflatedExplicitVRLittleEndian: _deflated,
    JPEG2000Lossless: _jpeg2000,
    RLELossless: _run_length,
}
