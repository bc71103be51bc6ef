"""Data sets as lists of encoded elements, so that any of them can hold what no library would write.

Encoding is PS3.5 7.1, by hand: a library would refuse half of what is asked for here.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.charset import default_encoding
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.uid import UID, ImplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from tests.sr_writer.raw_headers import before_data_set

#: What the two-byte length of most VRs can state, kept even.
_SHORT = 0xFFFE
#: An item with nothing in it, one of unknown length, and a code without a value.
_ITEMS = (
    bytes.fromhex("feff00e000000000"),
    bytes.fromhex("feff00e0ffffffff") + bytes.fromhex("feff0de000000000"),
    bytes.fromhex("feff00e00c000000")
    + bytes.fromhex("0800040108000000")[:4]
    + b"LO\x04\0"
    + b"what",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of one attribute; None leaves that part as it was."""

    value: bytes | None = None
    vr: bytes | None = None  #: in Explicit VR alone
    removed: bool = False


def _values() -> st.SearchStrategy[bytes]:
    texts = st.sampled_from(
        [
            *(
                b"",
                b" ",
                b"\0",
                b"\0\0\0\0",
                b"x",
                b"\\",
                b"a\\b\\c",
                b"\\\\\\\\",
                b"L\\F\\L",
                b"-1",
            ),
            *(b"0", b"0\\0", b"nan\\inf", b"1e400", b"-1\\-1", b"1e-320\\1e-320", b"99999999999"),
            *(b"123456789012345678901234567890", b"\xff\xfe\x80", "Ä王ا".encode(), b"\x1b$B;3ED"),
            *(b"20261399", b"25:61:99", b"+9999", b"12 ", b"\\ISO 2022 IR 87", b"ISO_IR 192"),
            *(b"1.2.3", b"1.2.x", b"1..2", b"1." * 60, b"x" * 70, b"x" * 70_000, b"\r\n\t\x07"),
            *(b"\1\0", b"\xff\xff", b"\0\x80", b"\1", b"\1\0\2\0\3\0"),
            *_ITEMS,
        ]
    )
    return texts | st.binary(max_size=12)


def faults(keywords: list[str]) -> st.SearchStrategy[dict[str, Fault]]:
    """Up to eight attributes, each gone, empty, or holding what it should not."""
    vrs = st.sampled_from([b"LO", b"SQ", b"US", b"DS", b"UN", b"OB", b"PN", b"FD", b"AT", b"ZZ"])
    fault = st.one_of(
        st.just(Fault(removed=True)),
        st.just(Fault(value=b"")),
        st.builds(Fault, value=_values()),
        st.builds(Fault, value=_values(), vr=vrs),
        st.builds(Fault, vr=vrs),
    )
    return st.dictionaries(st.sampled_from(keywords), fault, min_size=1, max_size=8)


def encoded(dataset: Dataset, changes: Mapping[str, Fault], syntax: UID) -> bytes:
    """The Part 10 file of `dataset` with these faults."""
    elements = _elements(dataset)
    for keyword, fault in changes.items():
        tag = int(tag_for_keyword(keyword) or 0)
        vr, value = elements.get(tag, (dictionary_VR(tag)[:2].encode(), b""))
        if fault.removed:
            elements.pop(tag, None)
        else:
            elements[tag] = (fault.vr or vr, value if fault.value is None else fault.value)
    body = b"".join(_encode(tag, *elements[tag], syntax) for tag in sorted(elements))
    return before_data_set(dataset, syntax) + body


def _elements(dataset: Dataset) -> dict[int, tuple[bytes, bytes]]:
    """Every element's VR and value, as Explicit VR Little Endian has them."""
    elements = {}
    for element in dataset:
        buffer = DicomBytesIO()
        buffer.is_implicit_VR, buffer.is_little_endian = False, True
        write_data_element(buffer, element, dataset.get("SpecificCharacterSet") or default_encoding)
        content = buffer.getvalue()
        start = 12 if element.VR in EXPLICIT_VR_LENGTH_32 else 8
        elements[int(element.tag)] = content[4:6], content[start:]
    return elements


def _encode(tag: int, vr: bytes, value: bytes, syntax: UID) -> bytes:
    start = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if syntax == ImplicitVRLittleEndian:
        return start + struct.pack("<I", len(value)) + value
    if vr.decode() in EXPLICIT_VR_LENGTH_32:
        return start + vr + struct.pack("<HI", 0, len(value)) + value
    value = value[:_SHORT]
    return start + vr + struct.pack("<H", len(value)) + value
