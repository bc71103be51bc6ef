"""How large a deflated data set becomes (PS3.5 A.5), found without keeping it.

Deflate shrinks zeros a thousandfold: 500 MB on the wire would be 500 GB in memory.
"""

import zlib

#: Bytes, deflated and inflated, that are in memory on top of what is there.
_AT_ONCE = 1 << 16
_CHUNK = 1 << 20


def inflates_beyond(deflated: bytes, limit: int) -> bool:
    """Whether more than `limit` bytes come of it; what is no deflate stream ends where it ends."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    try:
        for at in range(0, len(deflated), _AT_ONCE):
            rest = deflated[at : at + _AT_ONCE]
            while rest and not inflater.eof:
                size += len(inflater.decompress(rest, _CHUNK))
                if size > limit:
                    return True
                rest = inflater.unconsumed_tail
    except zlib.error:
        return False
    return False
