"""What is kept of a header: leniently read, in its own character set, nothing of the patient."""

import os
import struct
import tracemalloc
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.tag import Tag
from pydicom.uid import CTImageStorage

from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS, NotDicom
from dicom_node.intake.indexing import MOST_CHARACTERS, Index, read_index
from dicom_node.intake.rejection import KEY_OBJECT_SELECTION
from dicom_node.ledger import InstanceKind, Origin, Search
from dicom_node.patients import Patients
from tests.dicom_node.listening import Start
from tests.dicom_node.radiographs import file_bytes
from tests.dicom_node.wire import nested
from tests.phantoms import draw

pytestmark = pytest.mark.slow

PATIENTS = Patients(b"k" * 32)
#: Preamble and file meta group of a file in Explicit VR Little Endian.
META = (
    b"\0" * 128
    + b"DICM"
    + struct.pack("<HH2sHI", 2, 0, b"UL", 4, 28)
    + struct.pack("<HH2sH20s", 2, 0x10, b"UI", 20, b"1.2.840.10008.1.2.1\0")
)
UID = "1.2.3"
UID_BYTES = UID.encode() + b"\0"
UID_KEYWORDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


def drawn() -> Dataset:
    return as_dicom(draw(Kind.HEALTHY, rows=64, columns=52, seed=1))


def uids(dataset: Dataset) -> tuple[str, str]:
    return str(dataset.SOPClassUID), str(dataset.SOPInstanceUID)


def index(dataset: Dataset) -> Index:
    return read_index(file_bytes(dataset), *uids(dataset), PATIENTS)


def index_of(said: Mapping[str, tuple[str, bytes]]) -> Index:
    """Of a file with the four UIDs and, byte for byte, the VRs and values that are `said`."""
    uids = dict.fromkeys(UID_KEYWORDS, ("UI", UID_BYTES))
    elements = {Tag(keyword): element for keyword, element in (uids | dict(said)).items()}
    content = META
    for tag, (vr, value) in sorted(elements.items()):
        value += b"\0" * (len(value) % 2)
        long = vr in ("OB", "UN", "SQ")
        length = struct.pack("<2xI" if long else "<H", len(value))
        content += struct.pack("<HH2s", tag.group, tag.element, vr.encode()) + length + value
    return read_index(content, UID, UID, PATIENTS)


def test_what_a_header_says_is_kept() -> None:
    dataset = drawn()
    dataset.AccessionNumber, dataset.StationName = "A-17", "XR-2"
    dataset.Manufacturer, dataset.ManufacturerModelName = "ACME", "Shiny"
    dataset.PatientID, dataset.IssuerOfPatientID = "4711", "HOSPITAL"
    dataset.AcquisitionDate, dataset.AcquisitionTime = "20261127", "081502.25"
    dataset.KVP = "117.5"
    read = index(dataset)
    assert read.kind is InstanceKind.RADIOGRAPH
    assert read.study_instance_uid == dataset.StudyInstanceUID
    assert read.origin == Origin(
        accession_number="A-17",
        patient_hash=PATIENTS.hash("4711", "HOSPITAL"),
        patient_id_hash=PATIENTS.hash("4711"),
        acquired_at="2026-11-27T08:15:02",
        manufacturer="ACME",
        model_name="Shiny",
        station_name="XR-2",
        kvp=117.5,
    )


@pytest.mark.parametrize(
    ("raw", "kvp"),
    [(b"80", 80.0), (b"117,5", 117.5), (b"0", None), (b"117500", None), (b"nan", None),
     (b"high", None), (b"80\\90", None), (b"", None)],
)  # fmt: skip
def test_the_tube_voltage_is_kept_where_it_is_one(raw: bytes, kvp: float | None) -> None:
    assert index_of({"KVP": ("DS", raw)}).origin.kvp == kvp


def test_nothing_but_its_four_uids_has_to_be_there() -> None:
    assert index_of({}).origin == Origin()
    with pytest.raises(NotDicom, match="no SeriesInstanceUID"):
        index_of({"SeriesInstanceUID": ("UI", b"")})


@pytest.mark.parametrize(
    ("sop_class", "kind"),
    [(KEY_OBJECT_SELECTION, InstanceKind.CORRECTION), (CTImageStorage, InstanceKind.OTHER)],
)
def test_the_class_says_what_kind_it_is(sop_class: str, kind: InstanceKind) -> None:
    dataset = drawn()
    dataset.SOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    assert index(dataset).kind is kind


@pytest.mark.parametrize(
    ("said", "acquired_at"),
    [
        ({"AcquisitionDateTime": "20261127081502.5+0100"}, "2026-11-27T08:15:02+01:00"),
        ({"AcquisitionDateTime": "202611270815"}, "2026-11-27T08:15:00"),
        ({"AcquisitionDate": "20261127", "AcquisitionTime": "08"}, "2026-11-27T08:00:00"),
        ({"AcquisitionDate": "20261127", "AcquisitionTime": "0815",
          "TimezoneOffsetFromUTC": "-0330"}, "2026-11-27T08:15:00-03:30"),
        ({"AcquisitionDate": "2026.11.27", "AcquisitionTime": "08:15:02"}, "2026-11-27T08:15:02"),
        ({"AcquisitionDate": "20261127", "AcquisitionTime": "noon"}, "2026-11-27"),
        ({"AcquisitionDate": "20261127"}, "2026-11-27"),
        ({"AcquisitionDate": "20261332", "ContentDate": "20260101", "ContentTime": "120000"},
         "2026-01-01T12:00:00"),
        ({"AcquisitionTime": "0815"}, ""),
        ({"AcquisitionDateTime": "soon"}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_when_it_was_taken_is_said_as_well_as_can_be(
    said: dict[str, str], acquired_at: str
) -> None:
    read = index_of({keyword: ("LO", value.encode()) for keyword, value in said.items()})
    assert read.origin.acquired_at == acquired_at


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        (b"ISO_IR 192", "Köln".encode(), "Köln"),
        (b"ISO_IR 100", "Köln".encode("latin-1"), "Köln"),
        (b"\\ISO 2022 IR 87", "第3室".encode("iso2022_jp"), "第3室"),
        (b"no such set", b"XR-2", "XR-2"),
        (b"no such set", b"K\xf6ln", "Köln"),
    ],
)
@pytest.mark.filterwarnings("ignore:Unknown encoding")  # pydicom's, of what is no character set
def test_texts_are_read_in_the_header_s_own_character_set(
    charset: bytes, raw: bytes, text: str
) -> None:
    read = index_of({"SpecificCharacterSet": ("CS", charset), "StationName": ("SH", raw)})
    assert read.origin.station_name == text


def test_a_text_that_is_too_long_is_cut() -> None:
    read = index_of({"AccessionNumber": ("SH", b"9" * 5000)})
    assert read.origin.accession_number == "9" * MOST_CHARACTERS


def test_a_sequence_in_the_place_of_a_text_is_not_kept() -> None:
    name = struct.pack("<HH2sH", 0x10, 0x10, b"PN", 10) + b"Sorrow^Ann"
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(name)) + name
    assert index_of({"AccessionNumber": ("SQ", item)}).origin == Origin()


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's opinions of what is hostile
@settings(max_examples=60, deadline=None)
@given(
    keyword=st.sampled_from(
        ["AccessionNumber", "PatientID", "IssuerOfPatientID", "StationName", "Manufacturer",
         "AcquisitionDateTime", "AcquisitionDate", "AcquisitionTime",
         "TimezoneOffsetFromUTC", "KVP"]),
    vr=st.sampled_from(["LO", "SH", "DS", "DT", "US", "OB", "UN", "SQ"]),
    value=st.binary(max_size=70),
)  # fmt: skip
def test_a_hostile_header_costs_no_instance(keyword: str, vr: str, value: bytes) -> None:
    try:
        read = index_of({keyword: (vr, value)})
    except NotDicom:
        # What is no sequence, called one, can make the rest of the data set unreadable.
        assert vr == "SQ"
    else:
        assert read.sop_instance_uid == UID


def empty_items(count: int) -> bytes:
    """(0008,1140) in Explicit VR Little Endian, of undefined length."""
    items = bytes.fromhex("feff00e000000000") * count
    return (
        bytes.fromhex("08004011")
        + b"SQ\0\0"
        + b"\xff" * 4
        + items
        + bytes.fromhex("feffdde0" + 8 * "0")
    )


@pytest.mark.parametrize(
    "bomb", [empty_items(1_000_000), nested(5000)], ids=["a million items", "items within items"]
)
def test_a_bomb_of_items_is_refused_before_it_has_taken_memory(bomb: bytes) -> None:
    """pydicom makes 870 MB of these 8 MB, and takes a minute for them."""
    dataset = drawn()
    content = file_bytes(dataset)
    at = content.index(struct.pack("<HH", 0x0010, 0x0010))
    tracemalloc.start()
    try:
        with pytest.raises(NotDicom):
            read_index(content[:at] + bomb + content[at:], *uids(dataset), PATIENTS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000_000


def test_the_large_sequences_of_others_than_radiographs_are_not_read() -> None:
    dataset = drawn()
    content = file_bytes(dataset)
    groups = bytes.fromhex("00523092") + empty_items(50_000)[4:]
    at = content.index(struct.pack("<HH", 0x7FE0, 0x0010))
    found = read_index(content[:at] + groups + content[at:], *uids(dataset), PATIENTS)
    assert found.study_instance_uid == dataset.StudyInstanceUID


def test_a_data_set_in_another_order_than_that_of_its_tags_is_read() -> None:
    dataset = drawn()
    content = file_bytes(dataset)
    at = content.index(struct.pack("<HH", 0x0008, 0x0050))
    late = struct.pack("<HH2sH", 0x0028, 0x9999, b"LO", 2) + b"x "
    found = read_index(content[:at] + late + content[at:], *uids(dataset), PATIENTS)
    assert found.study_instance_uid == dataset.StudyInstanceUID


def test_one_patient_has_one_hash_and_nothing_else_of_the_patient_is_kept(
    running: Start,
) -> None:
    node = running()
    first, second, other = drawn(), drawn(), drawn()
    for number, dataset in enumerate((first, second, other)):
        dataset.SOPInstanceUID = f"{dataset.SOPInstanceUID}.{number}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.PatientID, dataset.PatientName = "SECRET-4711", "Sorrow^Ann"
        dataset.IssuerOfPatientID = "HOSPITAL"
    other.IssuerOfPatientID = "ELSEWHERE"
    assert node.send(first, second, other) == [SUCCESS] * 3
    sought = Patients.of(node.spool).hash("SECRET-4711", "HOSPITAL")
    found = node.ledger.instances.find(Search(patient_hashes=[sought]))
    assert [one.stored.sop_instance_uid for one in found] == [
        second.SOPInstanceUID, first.SOPInstanceUID,
    ]  # fmt: skip
    state = node.spool_folder.parent
    ledgers = [path for path in state.iterdir() if path.name.startswith("ledger")]
    kept = b"".join(path.read_bytes() for path in ledgers)
    assert str(first.SOPInstanceUID).encode() in kept
    assert not [word for word in (b"SECRET-4711", b"Sorrow") if word in kept]
    assert (node.spool_folder / "key").stat().st_mode & 0o777 == 0o600


def test_no_other_installation_gives_a_patient_the_same_hash() -> None:
    keys = [Patients(os.urandom(32)) for _ in range(2)]
    assert len({patients.hash("4711", "HOSPITAL") for patients in (*keys, PATIENTS)}) == 3
    assert PATIENTS.hash("11", "47") != PATIENTS.hash("711", "4")
    assert PATIENTS.hash("", "HOSPITAL") == ""
    assert "kkkk" not in repr(PATIENTS)
