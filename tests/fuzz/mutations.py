"""Bytes that were good once, changed as a broken sender or a hostile one changes them.

What is changed is said by a few bytes: drawn at once they cost hypothesis little, and those of a
failure shrink to zeros, which change nothing.
"""

import struct
from collections.abc import Iterator, Sequence

from hypothesis import strategies as st

#: What lengths and counts go wrong at.
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
#: Where most of what decides is: the beginning; the rest are pixels.
_HEAD = 3000
#: Changes at most; how each is written: what, where, and a number that it needs.
_MOST = 4
_CHANGE = struct.Struct(">BHH")
#: Bytes drawn: which content, whether only its beginning is changed and how often, the changes.
_DRAWN = 2 + _MOST * _CHANGE.size

_INSIDE = ("nothing", "byte", "bit", "u16", "u32", "big u32", "drop", "double", "fill", "cut")
_PDUS = ("nothing", "drop a PDU", "double a PDU", "swap two PDUs", "another type")


def mutated(contents: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of the contents with up to four changes within it."""
    return _drawn(contents, _INSIDE)


def mutated_associations(contents: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Likewise, or with PDUs left out, sent twice, in another order, or of another type."""
    return _drawn(contents, (*_INSIDE, *_PDUS))


def _drawn(contents: Sequence[bytes], kinds: Sequence[str]) -> st.SearchStrategy[bytes]:
    def changed(drawn: bytes) -> bytes:
        content = contents[drawn[0] % len(contents)]
        # Three in four within the head.
        end = _HEAD if drawn[1] % 4 else len(content)
        changes = list(_CHANGE.iter_unpack(drawn[2:]))[: 1 + drawn[1] // 4 % _MOST]
        for kind, where, number in changes:
            if content:
                at = where % min(end, len(content))
                content = _changed(content, kinds[kind % len(kinds)], at, number)
        return content

    return st.binary(min_size=_DRAWN, max_size=_DRAWN).map(changed)


def _changed(content: bytes, kind: str, at: int, number: int) -> bytes:
    before, after = content[:at], content[at:]
    edge = _EDGES[number % len(_EDGES)]
    match kind:
        case "byte":
            return before + bytes([number & 0xFF]) + after[1:]
        case "bit":
            return before + bytes([after[0] ^ 1 << number % 8]) + after[1:]
        case "u16":
            return before + struct.pack("<H", edge & 0xFFFF) + after[2:]
        case "u32":
            return before + struct.pack("<L", edge) + after[4:]
        case "big u32":
            return before + struct.pack(">L", edge) + after[4:]
        case "drop":
            return before + after[1 + number % 64 :]
        case "double":
            return before + after[: 1 + number % 64] + after
        case "fill":
            count = 1 + number % 600
            return before + bytes(count) + after[count:]
        case "cut":
            return before
        case "nothing":
            return content
    return b"".join(_rearranged(list(_pdus(content)), kind, at, number))


def _rearranged(pdus: list[bytes], kind: str, at: int, number: int) -> list[bytes]:
    one, other = at % len(pdus), number % len(pdus)
    match kind:
        case "drop a PDU":
            del pdus[one]
        case "double a PDU":
            pdus.insert(other, pdus[one])
        case "swap two PDUs":
            pdus[one], pdus[other] = pdus[other], pdus[one]
        case "another type":
            pdus[one] = bytes([number % 9]) + pdus[one][1:]
    return pdus


def _pdus(content: bytes) -> Iterator[bytes]:
    """As their lengths say; what is left may be none."""
    at = 0
    while at + 6 <= len(content):
        end = at + 6 + int(struct.unpack_from(">L", content, at + 2)[0])
        yield content[at:end]
        at = end
    if at < len(content) or at == 0:
        yield content[at:]
