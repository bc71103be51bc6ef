"""The small PACS and the small modality, each against the other over a real association.

Not covered here: what the node makes of them; the system tests do that.
"""

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)

from dicom_node.demo.modality import echo, send
from dicom_node.demo.pacs import Offer, Pacs
from dicom_node.errors import OUT_OF_RESOURCES, SUCCESS, DestinationUnavailable, NotDicom

pytestmark = pytest.mark.slow

NO_SUCH_SOP_CLASS = "2.25.1"


def make_instance(sop_class: str = DigitalXRayImageStorageForPresentation) -> Dataset:
    instance = Dataset()
    instance.SOPClassUID = UID(sop_class)
    instance.SOPInstanceUID = generate_uid()
    instance.StudyInstanceUID = generate_uid()
    instance.PatientName = "Test^Only"
    instance.Rows = instance.Columns = 64
    instance.BitsAllocated = instance.BitsStored = 8
    instance.HighBit, instance.PixelRepresentation, instance.SamplesPerPixel = 7, 0, 1
    instance.PhotometricInterpretation = "MONOCHROME2"
    instance.PixelData = np.arange(4096, dtype=np.uint8).tobytes()
    instance["PixelData"].VR = "OB"
    instance.file_meta = FileMetaDataset()
    instance.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return instance


def save(instance: Dataset, path: Path) -> Path:
    instance.save_as(path, enforce_file_format=True)
    return path


def data_set_of(path: Path) -> bytes:
    """What follows the file meta group, which every writer words its own way."""
    content = path.read_bytes()
    meta_length = dcmread(path, stop_before_pixels=True).file_meta.FileMetaInformationGroupLength
    return content[144 + meta_length :]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
def test_a_file_arrives_byte_for_byte_in_its_own_transfer_syntax(
    tmp_path: Path, syntax: UID
) -> None:
    instance = make_instance()
    if syntax == RLELossless:
        instance.compress(RLELossless, generate_instance_uid=False)
    instance.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "sent.dcm"
    little = syntax != ExplicitVRBigEndian
    instance.save_as(path, implicit_vr=False, little_endian=little, enforce_file_format=True)
    with Pacs(tmp_path / "pacs") as pacs:
        [sent] = send([path], pacs.host, pacs.port, calling_aet="ROOM1")
        [arrival] = pacs.wait_for(lambda stored: len(stored) == 1, 10)
    assert sent.status == SUCCESS
    assert sent.last_byte_at <= arrival.at_monotonic <= sent.answered_at
    assert arrival.sop_instance_uid == sent.sop_instance_uid == instance.SOPInstanceUID
    assert arrival.calling_aet == "ROOM1"
    assert arrival.path.parent.name == instance.StudyInstanceUID
    assert data_set_of(arrival.path) == data_set_of(path)
    assert dcmread(arrival.path).file_meta.TransferSyntaxUID == syntax


def test_a_data_set_in_memory_is_sent_like_a_file(tmp_path: Path) -> None:
    instance = make_instance()
    with Pacs(tmp_path) as pacs:
        [sent] = send([instance], pacs.host, pacs.port)
        assert sent.status == SUCCESS
        assert dcmread(pacs.stored[0].path).pixel_array.tobytes() == instance.PixelData


def test_a_damaged_file_is_sent_as_it_is(tmp_path: Path) -> None:
    path = save(make_instance(), tmp_path / "damaged.dcm")
    path.write_bytes(path.read_bytes()[:-1000])
    with Pacs(tmp_path / "pacs") as pacs:
        send([path], pacs.host, pacs.port)
        assert data_set_of(pacs.stored[0].path) == data_set_of(path)


def test_an_instance_sent_twice_arrives_twice_and_is_kept_once(tmp_path: Path) -> None:
    path = save(make_instance(), tmp_path / "one.dcm")
    with Pacs(tmp_path / "pacs") as pacs:
        send([path, path], pacs.host, pacs.port)
        assert len(pacs.stored) == 2
        kept = [file for file in (tmp_path / "pacs").rglob("*") if file.is_file()]
        assert kept == [pacs.stored[0].path]


def test_a_pacs_told_to_refuse_answers_so_and_keeps_nothing(tmp_path: Path) -> None:
    offers: list[Offer] = []

    def refuse(offer: Offer) -> int:
        offers.append(offer)
        return OUT_OF_RESOURCES

    instance = make_instance()
    with Pacs(tmp_path, answer=refuse) as pacs:
        assert [sent.status for sent in send([instance], pacs.host, pacs.port)] == [0xA700]
        assert pacs.stored == []
    assert [offer.sop_instance_uid for offer in offers] == [instance.SOPInstanceUID]
    assert list(tmp_path.iterdir()) == []


def test_an_instance_kept_with_a_warning_is_kept(tmp_path: Path) -> None:
    with Pacs(tmp_path, answer=lambda _offer: 0xB000) as pacs:
        assert send([make_instance()], pacs.host, pacs.port)[0].status == 0xB000
        assert len(pacs.stored) == 1


def test_a_study_uid_that_is_no_uid_never_becomes_a_folder(tmp_path: Path) -> None:
    instance = make_instance()
    instance["StudyInstanceUID"].value = "1.2.3"
    path = save(instance, tmp_path / "escape.dcm")
    path.write_bytes(path.read_bytes().replace(b"1.2.3\x00", b"../../"))
    with Pacs(tmp_path / "a" / "pacs") as pacs:
        assert send([path], pacs.host, pacs.port)[0].status == 0xC000
    assert list(tmp_path.iterdir()) == [path]


# pynetdicom 3.0.4 forgets to close the socket of a connection that was refused.
@pytest.mark.filterwarnings("ignore:.*socket:pytest.PytestUnraisableExceptionWarning")
def test_an_outage_ends_and_the_pacs_is_back_on_its_port(tmp_path: Path) -> None:
    pacs = Pacs(tmp_path)
    pacs.start()
    port = pacs.port
    assert echo(pacs.host, port)
    pacs.stop()
    assert not echo(pacs.host, port)
    with pytest.raises(DestinationUnavailable, match=f"PACS@127.0.0.1:{port}"):
        send([make_instance()], pacs.host, port, called_aet="PACS")
    with pacs:
        assert pacs.port == port
        assert send([make_instance()], pacs.host, port)[0].status == SUCCESS


def test_what_the_receiver_does_not_take_is_said_without_a_status(tmp_path: Path) -> None:
    unknown, known = make_instance(NO_SUCH_SOP_CLASS), make_instance()
    with Pacs(tmp_path) as pacs:
        assert [s.status for s in send([unknown, known], pacs.host, pacs.port)] == [None, SUCCESS]


def test_a_file_that_is_not_dicom_is_named_before_anything_is_sent(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not an image")
    with Pacs(tmp_path / "pacs") as pacs:
        with pytest.raises(NotDicom, match=r"notes\.txt"):
            send([make_instance(), text], pacs.host, pacs.port)
        assert pacs.stored == []


def test_waiting_in_vain_says_what_did_arrive(tmp_path: Path) -> None:
    with Pacs(tmp_path) as pacs:
        send([make_instance()], pacs.host, pacs.port)
        with pytest.raises(TimeoutError, match=r"1 arrived.*Digital X-Ray"):
            pacs.wait_for(lambda stored: len(stored) == 2, 0.01)
