"""The coded terms of the objects (PS3.2 A.8.3), out of their one table."""

from collections.abc import Iterator, Mapping

from pydicom.sr.coding import Code

from dicom_node.cli.statement.markdown import table
from sr_writer import codes

_HEAD = ("code", "scheme", "meaning")


def private() -> str:
    return table(_HEAD, sorted(one for one in _all() if one[1] == codes.PRIVATE_SCHEME))


def standard() -> str:
    rows = (one for one in _all() if one[1] != codes.PRIVATE_SCHEME)
    return table(_HEAD, sorted(rows, key=lambda row: (row[1], row[0])))


def _all() -> set[tuple[str, str, str]]:
    return {
        (code.value, code.scheme_designator, code.meaning)
        for name, value in vars(codes).items()
        for code in _codes(value)
        if name.isupper()
    }


def _codes(value: object) -> Iterator[Code]:
    if isinstance(value, Code):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _codes(each)
