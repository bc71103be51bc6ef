"""Associations as good senders make them, byte by byte: what is changed then."""

import copy
from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    KeyObjectSelectionDocumentStorage,
    generate_uid,
)
from pynetdicom.sop_class import StorageCommitmentPushModel

from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from tests.dicom_node.wire import echo_pdus, explicit, release_pdu, report_pdus, request_pdu
from tests.fuzz.association import recorded
from tests.phantoms import draw


def recordings(port: int) -> list[bytes]:
    """Of a radiograph in several syntaxes, of others than radiographs, of an echo and a report."""
    radiograph = as_dicom(draw(Kind.HEALTHY, rows=64, columns=52, seed=1))
    slice_, key_object = another(radiograph), another(radiograph)
    slice_.SOPClassUID = slice_.file_meta.MediaStorageSOPClassUID = CTImageStorage
    key_object.SOPClassUID = KeyObjectSelectionDocumentStorage
    key_object.file_meta.MediaStorageSOPClassUID = KeyObjectSelectionDocumentStorage
    key_object.ReferencedRequestSequence = [nested(5)]
    one_by_one: list[list[Dataset]] = [
        [radiograph],
        [_in(ImplicitVRLittleEndian, radiograph)],
        [_in(DeflatedExplicitVRLittleEndian, radiograph)],
        [_compressed(radiograph)],
        [slice_, key_object, another(radiograph)],
    ]
    return [*(recorded(port, datasets) for datasets in one_by_one), _echo(), _report()]


def another(dataset: Dataset) -> Dataset:
    """The same image under a UID of its own."""
    made = copy.deepcopy(dataset)
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return made


def nested(depth: int) -> Dataset:
    """Items within items, of undefined length."""
    item = Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3"
    for _ in range(depth):
        outer = Dataset()
        outer.ReferencedRequestSequence = [item]
        outer["ReferencedRequestSequence"].is_undefined_length = True
        item = outer
    return item


def _in(syntax: UID, dataset: Dataset) -> Dataset:
    made = another(dataset)
    made.file_meta.TransferSyntaxUID = syntax
    file = BytesIO()
    made.save_as(file, enforce_file_format=True)
    return dcmread(BytesIO(file.getvalue()))


def _compressed(dataset: Dataset) -> Dataset:
    made = another(dataset)
    made.compress(JPEG2000Lossless, generate_instance_uid=False)
    return made


def _echo() -> bytes:
    request = request_pdu("1.2.840.10008.1.1", b"CXRNODE", b"FUZZ")
    return request + echo_pdus() * 3 + release_pdu()


def _report() -> bytes:
    """On a storage commitment that nobody asked for."""
    report = nested(3)
    report.TransactionUID = "1.2.3.4"
    request = request_pdu(StorageCommitmentPushModel, b"CXRNODE", b"FUZZ")
    return request + report_pdus(explicit(report)) * 3 + release_pdu()
