"""One object that leaves: a Part 10 file (PS3.10 7), and what names it.

Inherited attributes are written as the bytes that came. pydicom's own writer would decode and
encode them again, and change those that are malformed or name a wrong character set.
"""

from dataclasses import dataclass

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import (
    correct_ambiguous_vr_element,
    write_data_element,
    write_file_meta_info,
)
from pydicom.uid import UID, ExplicitVRLittleEndian

from sr_writer.equipment import derived_uid
from sr_writer.identity import Identity
from sr_writer.kind import Kind
from sr_writer.language import ENGLISH
from sr_writer.languages import Words
from sr_writer.languages.lettering import charset_of
from sr_writer.source import Source

IMPLEMENTATION_CLASS_UID = UID(derived_uid("implementation", "CXR node"))
IMPLEMENTATION_VERSION_NAME = "CXRNODE"


@dataclass(frozen=True, slots=True)
class Output:
    """One object that leaves."""

    role: str  #: of its kind
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    transfer_syntax_uid: str
    content: bytes  #: a complete Part 10 file


def output_of(kind: Kind, content: bytes, study_instance_uid: str, identity: Identity) -> Output:
    """`content` under the names that `identity` gives it."""
    return Output(
        role=kind.role,
        sop_class_uid=kind.sop_class_uid,
        sop_instance_uid=identity.sop_instance_uid(kind.role),
        series_instance_uid=identity.series_instance_uid(kind.role),
        study_instance_uid=study_instance_uid,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content=content,
    )


def part10(dataset: Dataset, source: Source, words: Words) -> bytes:
    """The file. What we add ourselves is in the letters that the inherited character set has.

    In English that is ASCII, which reads the same in any of them.
    """
    charset = "ISO_IR 6"
    if words.language != ENGLISH:
        charset, is_stated = charset_of(source)
        if not is_stated:
            dataset.SpecificCharacterSet = charset
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    buffer.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(buffer, _file_meta(dataset))
    for tag in sorted({*dataset.keys(), *source.inherited.keys()}):
        element = source.inherited.get(tag) or correct_ambiguous_vr_element(
            dataset[tag], dataset, True
        )
        write_data_element(buffer, element, charset)
    return buffer.getvalue()


def _file_meta(dataset: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta
