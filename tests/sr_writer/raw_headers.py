"""Headers as a listener reads them: from bytes, and with any bytes in them."""

import zlib
from collections.abc import Mapping
from io import BytesIO

from pydicom import DataElement, Dataset, dcmread
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_file_meta_info
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, ExplicitVRLittleEndian

#: (0010,0010) as its bytes, in the character set beside it (PS3.5 annexes H, I, J).
NAMES = {
    "latin": ("ISO_IR 100", "Äneas^Rüdiger".encode("latin-1")),
    "greek": ("ISO_IR 126", "Διονυσιος".encode("iso8859_7")),
    "utf-8": ("ISO_IR 192", "Wang^XiaoDong=王^小東=".encode()),
    "utf-8 japanese": ("ISO_IR 192", "Yamada^Tarou=山田^太郎=やまだ^たろう".encode()),
    "utf-8 korean": ("ISO_IR 192", "Hong^Gildong=洪^吉洞=홍^길동".encode()),
    "utf-8 arabic": ("ISO_IR 192", "قباني^لنزار".encode()),
    "arabic": ("ISO_IR 127", "قباني^لنزار".encode("iso8859_6")),
    "gb18030": ("GB18030", "Wang^XiaoDong=王^小东=".encode("gb18030")),
    "japanese": (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
    ),
    "korean": ("\\ISO 2022 IR 149", b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7="),
}


def before_data_set(dataset: Dataset, syntax: UID) -> bytes:
    """Preamble, prefix and File Meta Information (PS3.10 7.1)."""
    buffer = DicomBytesIO()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = UID("1.2.3")
    write_file_meta_info(buffer, meta)
    return b"\0" * 128 + b"DICM" + buffer.getvalue()


def received(
    dataset: Dataset,
    transfer_syntax: str = ExplicitVRLittleEndian,
    raw: Mapping[str, bytes] | None = None,
) -> Dataset:
    """`dataset` as a listener reads it: from bytes, nothing decoded yet.

    `raw` holds attributes whose value is to be exactly these bytes.
    """
    syntax = UID(transfer_syntax)
    body = DicomBytesIO()
    body.is_implicit_VR, body.is_little_endian = syntax.is_implicit_VR, syntax.is_little_endian
    elements: dict[BaseTag, DataElement | RawDataElement] = {e.tag: e for e in dataset}
    for keyword, content in (raw or {}).items():
        tag, padded = Tag(keyword), content + b" " * (len(content) % 2)
        elements[tag] = RawDataElement(
            tag, dictionary_VR(tag), len(padded), padded, 0, syntax.is_implicit_VR, True
        )
    for tag in sorted(elements):
        write_data_element(body, elements[tag], dataset.get("SpecificCharacterSet"))
    content = body.getvalue()
    if syntax.is_deflated:
        compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        content = compressor.compress(content) + compressor.flush()
    return dcmread(BytesIO(before_data_set(dataset, syntax) + content))
