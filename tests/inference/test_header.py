"""Real headers: read as they were meant, and what is malformed says nothing."""

from collections.abc import Callable

import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from inference.header import items_of, number_of, numbers_of, stored, text_of, texts_of, value_of


def holding(keyword: str, vr: str, value: bytes) -> Dataset:
    dataset = Dataset()
    tag = Tag(tag_for_keyword(keyword) or 0)
    dataset[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)
    return dataset


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.parametrize(
    ("keyword", "vr", "value", "numbers"),
    [
        ("WindowCenter", "DS", b"1500.5", (1500.5,)),
        ("WindowCenter", "DS", b"1500,5", (1500.5,)),
        ("ImagerPixelSpacing", "DS", b"0,143\\0,150 ", (0.143, 0.15)),
        ("ImagerPixelSpacing", "DS", b"0.143\\0,150 ", (0.143, 0.15)),
        ("WindowCenter", "DS", b"1,500.0 ", ()),
        ("WindowCenter", "DS", b"1.500,0 ", ()),
        ("WindowCenter", "DS", b"nan ", ()),
        ("WindowCenter", "DS", b"1\\x ", ()),
        ("WindowCenter", "DS", b"", ()),
        ("NumberOfFrames", "IS", b"01", (1,)),
        ("NumberOfFrames", "IS", b"+1", (1,)),
        ("HighBit", "US", b"\x0b\x00", (11,)),
    ],
)
def test_numbers_are_read(keyword: str, vr: str, value: bytes, numbers: tuple[float, ...]) -> None:
    assert numbers_of(holding(keyword, vr, value), keyword) == numbers


@pytest.mark.parametrize("read", [value_of, text_of, texts_of, items_of, numbers_of, stored])
def test_what_is_empty_of_a_vr_that_nobody_knows_says_nothing(
    read: Callable[[Dataset, str], object],
) -> None:
    dataset = Dataset()
    # As pydicom's reader leaves an empty value.
    dataset[0x00181164] = RawDataElement(Tag(0x00181164), "ZZ", 0, None, 656, False, True)
    assert not read(dataset, "ImagerPixelSpacing")


def test_several_are_not_the_only_one() -> None:
    assert number_of(holding("WindowCenter", "DS", b"1\\2 "), "WindowCenter") is None
    assert number_of(holding("WindowCenter", "DS", b"1 "), "WindowCenter") == 1


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.parametrize(
    ("keyword", "vr", "value", "texts"),
    [
        ("BodyPartExamined", "CS", b" CHEST\0", ["CHEST"]),
        ("ImageType", "CS", b"DERIVED\\ SECONDARY ", ["DERIVED", "SECONDARY"]),
        ("PatientName", "PN", b"A^B ", ["A^B"]),
        ("Rows", "US", b"\x00\x02", ["512"]),
        ("Rows", "US", b"\x00\x02\x00", []),
        ("BodyPartExamined", "CS", b"", []),
    ],
)
def test_texts_are_read_without_what_surrounds_them(
    keyword: str, vr: str, value: bytes, texts: list[str]
) -> None:
    dataset = holding(keyword, vr, value)
    assert texts_of(dataset, keyword) == texts
    if len(texts) < 2:
        assert text_of(dataset, keyword) == "".join(texts)
    assert texts_of(dataset, "ProtocolName") == []


def test_what_is_no_sequence_has_no_items() -> None:
    dataset = Dataset()
    dataset.ViewCodeSequence = [Dataset(), Dataset()]
    assert len(items_of(dataset, "ViewCodeSequence")) == 2
    assert items_of(dataset, "PatientOrientationCodeSequence") == []
    assert items_of(holding("ViewCodeSequence", "LO", b"PA"), "ViewCodeSequence") == []
