"""The lines that a page prints, read from the bytes of its PDF: they are written uncompressed."""

import re
from collections.abc import Iterator

#: ISO 32000-1 9.4.3 and 7.3.4.2: a literal string, shown.
_SHOWN = re.compile(rb"\(((?:\\.|[^\\()])*)\) Tj", re.DOTALL)
_ESCAPED = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
#: 9.10.3: of an embedded font, which character each of its codes is.
_TO_UNICODE = re.compile(rb"beginbfchar(.*?)endbfchar", re.DOTALL)
_PAIR = re.compile(rb"<([0-9A-F]{2})> <([0-9A-F]{4})>")


def printed_in(pdf: bytes) -> frozenset[str]:
    """Each line, read by every font that the page has: which it is written in, the words tell."""
    lines = [_ESCAPED.sub(_unescaped, found[1]) for found in _SHOWN.finditer(pdf)]
    return frozenset(text for line in lines for text in _read(line, list(_fonts(pdf))))


def _read(line: bytes, fonts: list[dict[int, str]]) -> Iterator[str]:
    if not fonts:
        # The standard fonts, by WinAnsiEncoding.
        yield line.decode("cp1252", "replace")
    for characters in fonts:
        yield "".join(characters.get(code, "\ufffd") for code in line)


def _fonts(pdf: bytes) -> Iterator[dict[int, str]]:
    for found in _TO_UNICODE.finditer(pdf):
        yield {int(code, 16): chr(int(point, 16)) for code, point in _PAIR.findall(found[1])}


def _unescaped(found: re.Match[bytes]) -> bytes:
    said = found[1]
    if said.isdigit():
        return bytes([int(said, 8)])
    return {b"n": b"\n", b"r": b"\r", b"t": b"\t"}.get(said, said)
