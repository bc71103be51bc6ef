"""One object and what it inherits, as a Part 10 file (PS3.10 7): Explicit VR Little Endian.

Inherited attributes are written as the bytes that came. pydicom's own writer would decode and
encode them again, and change those that are malformed or name a wrong character set.
"""

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import (
    correct_ambiguous_vr_element,
    write_data_element,
    write_file_meta_info,
)
from pydicom.uid import UID, ExplicitVRLittleEndian

from sr_writer.identity import derived_uid
from sr_writer.source import Source

IMPLEMENTATION_CLASS_UID = UID(derived_uid("implementation", "CXR node"))
IMPLEMENTATION_VERSION_NAME = "CXRNODE"


def part10(dataset: Dataset, source: Source) -> bytes:
    """The file. What we add ourselves is ASCII, so it reads the same in any character set."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    buffer.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(buffer, _file_meta(dataset))
    for tag in sorted({*dataset.keys(), *source.inherited.keys()}):
        element = source.inherited.get(tag) or correct_ambiguous_vr_element(
            dataset[tag], dataset, True
        )
        write_data_element(buffer, element, "ISO_IR 6")
    return buffer.getvalue()


def _file_meta(dataset: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta
