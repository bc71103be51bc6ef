"""Certificate revocation lists (RFC 5280 5): until when each is good. OpenSSL does the rest.

Python's ssl takes them and tells nothing of them; what is asked for here is two fields at the
beginning of each, so that who runs the node hears of a list before it refuses everybody.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_PEM = re.compile(rb"-----BEGIN X509 CRL-----(.+?)-----END X509 CRL-----", re.DOTALL)
#: It is warned of when so much of a list's life is left.
_LAST_PART = 0.2
#: Tags of DER (X.690 8.1.2).
_INTEGER, _UTC_TIME, _GENERALIZED_TIME = 0x02, 0x17, 0x18
#: In a TBSCertList, before its times: signature and issuer.
_BEFORE_TIMES = 2


@dataclass(frozen=True, slots=True)
class RevocationList:
    """What a person has to know of one."""

    path: Path
    issued_at: datetime
    expires_at: datetime | None  #: when the next one was to be issued; None: not said

    def warning(self, now: datetime) -> str:
        """What is to be said of it; "" where nothing is."""
        if self.expires_at is None:
            return ""
        left = self.expires_at - now
        if left > _LAST_PART * (self.expires_at - self.issued_at):
            return ""
        on = f"{self.expires_at:%Y-%m-%d %H:%M}"
        is_over = now >= self.expires_at
        when = f"has expired on {on}: nobody is let in" if is_over else f"expires on {on}"
        return f"the list of revoked certificates in {self.path} {when}; fetch the next one"


def revocation_lists(path: Path) -> list[RevocationList]:
    """All in a PEM file; raises ValueError where it holds none, or one that cannot be read."""
    found = [_read(path, base64.b64decode(one)) for one in _PEM.findall(path.read_bytes())]
    if not found:
        raise ValueError("holds no list of revoked certificates (X509 CRL) in PEM")
    return found


def _read(path: Path, der: bytes) -> RevocationList:
    try:
        _, at, _ = _element(der, 0)
        _, at, end = _element(der, at)
        elements = list(_elements(der, at, end))
        if elements[0][0] == _INTEGER:  # version
            del elements[0]
        issued, next_one = elements[_BEFORE_TIMES : _BEFORE_TIMES + 2]
        return RevocationList(
            path, _time(*issued), _time(*next_one) if _is_time(next_one) else None
        )
    except (IndexError, ValueError) as exc:
        raise ValueError("holds a list of revoked certificates that cannot be read") from exc


def _is_time(element: tuple[int, bytes]) -> bool:
    return element[0] in (_UTC_TIME, _GENERALIZED_TIME)


def _time(tag: int, content: bytes) -> datetime:
    """RFC 5280 5.1.2.4: always in UTC, with seconds."""
    form = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return datetime.strptime(content.decode("ascii"), form).replace(tzinfo=UTC)


def _elements(der: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    while at < end:
        tag, start, at = _element(der, at)
        yield tag, der[start:at]


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Its tag, and where its content begins and ends (X.690 8.1.3)."""
    tag, length, start = der[at], der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(der[start : start + count])
        start += count
    return tag, start, start + length
