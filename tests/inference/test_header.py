"""Numbers are read as they were meant."""

import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from inference.header import number_of, numbers_of


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


def test_several_are_not_the_only_one() -> None:
    assert number_of(holding("WindowCenter", "DS", b"1\\2 "), "WindowCenter") is None
    assert number_of(holding("WindowCenter", "DS", b"1 "), "WindowCenter") == 1
