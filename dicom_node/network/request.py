"""An A-ASSOCIATE-RQ (PS3.8 9.3.2) before anybody reads it: whose it is, and whether it is bounded.

pynetdicom takes minutes, in which all others wait, for some thousand presentation contexts.
"""

import struct
from collections.abc import Iterator

#: Presentation contexts have odd numbers of one byte (PS3.8 9.3.2.2).
MOST_CONTEXTS = 128
#: Transfer syntaxes of all contexts together: 0.1 ms each.
MOST_SYNTAXES = 4096
#: User information sub-items: roles and extended negotiations come one for a SOP Class.
MOST_USER_ITEMS = 512

#: Where the two titles lie.
TITLES = (slice(10, 26), slice(26, 42))
_ITEMS_BEGIN = 74
_CONTEXT, _ABSTRACT_SYNTAX, _TRANSFER_SYNTAX, _USER_INFORMATION = 0x20, 0x30, 0x40, 0x50
#: Of a presentation context, before its sub-items.
_CONTEXT_HEAD = 4
#: What a title without a character is taken for: none may be empty (PS3.5 6.2).
_BLANK_TITLE = b"(BLANK)".ljust(16)


def fault(pdu: bytes) -> str:
    """Why it is not to be read; "" where it may be."""
    if len(pdu) < _ITEMS_BEGIN:
        return "its A-ASSOCIATE-RQ ends within its head"
    contexts = syntaxes = user_items = 0
    for kind, start, end in _items(pdu, _ITEMS_BEGIN, len(pdu)):
        if kind == _CONTEXT:
            kinds = [one for one, *_ in _items(pdu, start + _CONTEXT_HEAD, end)]
            if kinds.count(_ABSTRACT_SYNTAX) != 1 or _TRANSFER_SYNTAX not in kinds:
                return "a presentation context has no syntaxes"
            contexts += 1
            syntaxes += len(kinds)
        elif kind == _USER_INFORMATION:
            user_items += sum(1 for _ in _items(pdu, start, end))
        if contexts > MOST_CONTEXTS:
            return f"it proposes more than {MOST_CONTEXTS} presentation contexts"
        if syntaxes > MOST_SYNTAXES:
            return f"it proposes more than {MOST_SYNTAXES} transfer syntaxes"
        if user_items > MOST_USER_ITEMS:
            return f"it says more than {MOST_USER_ITEMS} things of itself"
    return ""


def with_readable_titles(pdu: bytes) -> bytes:
    """One whose titles hold nothing but what a title may (PS3.5 6.2, VR AE)."""
    readable = bytearray(pdu)
    for title in TITLES:
        # What follows a NUL is what the sender's memory held before.
        meant = pdu[title].lstrip(b"\0").partition(b"\0")[0]
        printed = bytes(byte if 0x20 <= byte < 0x7F and byte != 0x5C else 0x20 for byte in meant)
        readable[title] = printed.ljust(16) if printed.strip() else _BLANK_TITLE
    return bytes(readable)


def _items(pdu: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(type, start, end) of what each item or sub-item holds, as far as they are whole."""
    while at + 4 <= end:
        kind, length = struct.unpack_from(">BxH", pdu, at)
        yield kind, at + 4, min(at + 4 + length, end)
        at += 4 + length
