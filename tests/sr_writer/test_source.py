"""What a PACS groups by goes out as it came in; nothing of a poor header stops the results."""

from copy import deepcopy
from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from inference.findings import SEGMENTS
from sr_writer.kinds import USUAL
from sr_writer.seg.drawn import redrawn
from sr_writer.source import encoded_value
from tests.sr_writer.examples import (
    CREATED,
    SOURCE_UID,
    bare_header,
    findings,
    header,
    source_of,
    usual_results,
    write,
)
from tests.sr_writer.raw_headers import NAMES, received
from tests.sr_writer.reading import read

pytestmark = pytest.mark.slow


#: Values that highdicom refuses, or that are no valid value at all.
MALFORMED = [
    ("StudyTime", b"10:00:00"),
    ("StudyTime", b"garbage "),
    ("StudyDate", b"2026-11-25"),
    ("StudyDate", b"25112026"),
    ("PatientBirthDate", b"unknown "),
    ("PatientSex", b"X "),
    ("PatientSex", b"FEMALE"),
    ("PatientName", b"A^B^C^D^E^F^G=x=y=z "),
    ("AccessionNumber", b"longer than sixteen characters "),
    ("StudyID", b"a\\b "),
    ("SpecificCharacterSet", b"LATIN1"),
    ("StudyDescription", b"undecodable \xff\xfe"),
]


def value(dataset: Dataset, keyword: str) -> bytes | None:
    found = encoded_value(dataset, Tag(keyword))
    return None if found is None else found.rstrip(b" \0")


def is_everywhere(dataset: Dataset, keyword: str, expected: bytes | None) -> bool:
    """Whether all three results, and what a reader drew, have that value of `keyword`."""
    results = [read(output) for output in write(findings(), dataset).values()]
    return all(value(one, keyword) == expected for one in [*results, drawn(results[0])])


def drawn(seg: Dataset) -> Dataset:
    found = dict(zip(SEGMENTS, np.asarray(seg.pixel_array, np.bool_), strict=True))
    content = redrawn(
        seg, found, found, found, uid="2.25.1", author="Vera", created=CREATED, begun_from=seg
    )
    return dcmread(BytesIO(content))


@pytest.mark.parametrize("kind", NAMES)
def test_a_name_keeps_its_bytes_in_every_character_set(kind: str) -> None:
    character_set, name = NAMES[kind]
    raw = {"SpecificCharacterSet": character_set.encode(), "PatientName": name}
    dataset = received(header(), raw=raw)
    assert is_everywhere(dataset, "PatientName", name)
    assert is_everywhere(dataset, "SpecificCharacterSet", character_set.encode())


@pytest.mark.parametrize("kind", NAMES)
def test_a_name_that_was_decoded_on_the_way_keeps_its_bytes_too(kind: str) -> None:
    character_set, name = NAMES[kind]
    raw = {"SpecificCharacterSet": character_set.encode(), "PatientName": name}
    dataset = received(header(), raw=raw)
    assert dataset.PatientName
    # Decoding drops an empty last component group, which says nothing.
    assert is_everywhere(dataset, "PatientName", name.rstrip(b"="))


# pydicom says that it does not know the character set; the PACS may.
@pytest.mark.filterwarnings("ignore:.*(encoding|Failed to decode)")
@pytest.mark.parametrize(("keyword", "content"), MALFORMED)
def test_a_malformed_value_goes_out_as_it_came(keyword: str, content: bytes) -> None:
    dataset = received(header(), raw={keyword: content})
    assert is_everywhere(dataset, keyword, content.rstrip())


@pytest.mark.parametrize(
    ("keyword", "content"),
    [
        ("PatientAge", b"66"),
        ("PatientWeight", b"heavy"),
        ("SmokingStatus", b"now and then"),
        ("LastMenstrualDate", b"x"),
    ],
)
def test_a_malformed_value_that_nothing_hangs_on_is_left_out(keyword: str, content: bytes) -> None:
    assert is_everywhere(received(header(), raw={keyword: content}), keyword, None)


@pytest.mark.parametrize(
    ("keyword", "content"),
    [
        ("PatientAge", b"066Y"),
        ("PatientWeight", b"70.5"),
        ("SmokingStatus", b"NO"),
        ("Occupation", b"M\xfcller"),
        ("PatientComments", b"two\r\nlines"),
    ],
)
def test_a_well_formed_value_goes_out_as_it_came(keyword: str, content: bytes) -> None:
    assert is_everywhere(received(header(), raw={keyword: content}), keyword, content)


@pytest.mark.parametrize(
    "keyword",
    [
        "AccessionNumber",
        "StudyID",
        "StudyDate",
        "StudyTime",
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "ReferringPhysicianName",
    ],
)
def test_what_is_absent_or_empty_in_the_source_is_empty_in_the_results(keyword: str) -> None:
    assert is_everywhere(header(**{keyword: None}), keyword, b"")
    assert is_everywhere(header(**{keyword: ""}), keyword, b"")


@pytest.mark.parametrize("keyword", ["StudyDescription", "PatientAge", "SpecificCharacterSet"])
def test_what_is_optional_and_absent_stays_absent(keyword: str) -> None:
    assert is_everywhere(header(**{keyword: None}), keyword, None)


@pytest.mark.parametrize("kind", ["CR", "DX", "SC"])
def test_four_uids_and_a_size_are_enough(kind: str) -> None:
    assert is_everywhere(bare_header(kind), "StudyInstanceUID", b"1.2.840.99999.1")


@pytest.mark.parametrize(
    ("keyword", "content"),
    [
        ("Modality", b""),
        ("Modality", b"\xff\xff"),
        ("PatientOrientation", b""),
        ("PatientOrientation", b"L"),
        ("PatientOrientation", b"LEFT\\FOOT"),
        ("PatientOrientation", b"\\"),
        ("ImagerPixelSpacing", b"0\\0"),
        ("ImagerPixelSpacing", b"wide"),
        ("Manufacturer", b""),
        ("Manufacturer", b"x" * 90),
        ("Manufacturer", b"\xc4cme"),
        ("SoftwareVersions", b"1\\2\\3"),
        ("LossyImageCompression", b"perhaps"),
        ("ViewPosition", b""),
    ],
)
def test_a_poor_header_stops_no_result(keyword: str, content: bytes) -> None:
    assert set(write(findings(), received(header(), raw={keyword: content}))) == set(USUAL)


def test_a_source_without_study_or_series_gets_one_of_its_own_always_the_same() -> None:
    dataset = header(StudyInstanceUID=None, SeriesInstanceUID=None)
    first, second = write(findings(), dataset), write(findings(), dataset)
    studies = {output.study_instance_uid for output in (*first.values(), *second.values())}
    assert len(studies) == 1
    assert studies != {""}


@pytest.mark.parametrize("content", [b"", b" ", b"1.2\\1.3", b"1.2\xff"])
@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_what_is_no_uid_alone_is_none(keyword: str, content: bytes) -> None:
    outputs = write(findings(), received(header(), raw={keyword: content}))
    uids = {read(output).StudyInstanceUID for output in outputs.values()}
    assert uids == {output.study_instance_uid for output in outputs.values()}
    assert len(uids) == 1
    [series] = read(outputs["SEG"]).ReferencedSeriesSequence
    assert isinstance(series.SeriesInstanceUID, str)


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)
def test_every_transfer_syntax_gives_the_same_results(syntax: str) -> None:
    dataset = header(PregnancyStatus=4, PatientSize="1.7")
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99X", "Chest"
    dataset.ProcedureCodeSequence = [code]
    assert write(findings(), received(dataset, syntax)) == write(findings(), dataset)
    result = read(write(findings(), received(dataset, syntax))["SR"])
    assert result.PregnancyStatus == 4
    assert result.ProcedureCodeSequence[0].CodeMeaning == "Chest"


def test_a_value_of_unknown_vr_gets_the_dictionarys() -> None:
    dataset = header()
    dataset.add_new(Tag("PatientID"), "UN", b"P1")
    dataset = received(dataset)
    assert is_everywhere(dataset, "PatientID", b"P1")
    assert read(write(findings(), dataset)["SR"])["PatientID"].VR == "LO"


def test_the_header_is_not_altered() -> None:
    dataset = received(header(PatientOrientation=""), raw={"StudyTime": b"10:00:00"})
    before = deepcopy(dataset)
    tags = sorted(dataset.keys())
    elements = [dataset.get_item(tag) for tag in tags]
    write(findings(), dataset)
    assert [dataset.get_item(tag) for tag in tags] == elements
    assert dataset == before


def test_nothing_of_the_image_itself_is_inherited() -> None:
    dataset = header(ViewPosition="PA", ImageComments="seen by Dr X", KVP="120")
    dataset.add_new(0x00091001, "LO", "private")
    for output in write(findings(), dataset).values():
        result = read(output)
        assert "ImageComments" not in result
        assert "KVP" not in result
        assert 0x00091001 not in result


@pytest.mark.parametrize(
    ("offset", "date", "time"),
    [
        (b"+0100", "20261125", "030304.567000"),
        (b"-0330", "20261124", "223304.567000"),
        (b"+1400", "20261125", "160304.567000"),
    ],
)
def test_results_tell_the_time_as_the_study_does(offset: bytes, date: str, time: str) -> None:
    dataset = received(header(), raw={"TimezoneOffsetFromUTC": offset})
    for output in write(findings(), dataset).values():
        result = read(output)
        assert (result.ContentDate, result.ContentTime) == (date, time)
        assert (result.InstanceCreationDate, result.SeriesTime) == (date, time)
        assert result.TimezoneOffsetFromUTC == offset.decode()


def test_a_lossy_source_makes_lossy_results() -> None:
    dataset = header(
        LossyImageCompression="01",
        LossyImageCompressionRatio="12.5",
        LossyImageCompressionMethod="ISO_10918_1",
    )
    outputs = write(findings(), dataset)
    for role in ("SEG", "SC"):
        assert read(outputs[role]).LossyImageCompression == "01"
        assert read(outputs[role]).LossyImageCompressionRatio == 12.5


def test_the_acquiring_equipment_is_named_beside_ours() -> None:
    item = read(usual_results()["SEG"]).ContributingEquipmentSequence[0]
    assert item.PurposeOfReferenceCodeSequence[0].CodeValue == "109101"
    assert (item.Manufacturer, item.ManufacturerModelName) == ("Acme X-ray", "Ray 1")


def test_the_source_read_is_the_one_analysed() -> None:
    assert source_of(bare_header()).header.SOPInstanceUID == SOURCE_UID
