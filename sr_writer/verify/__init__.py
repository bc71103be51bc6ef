"""The last gate: what was built is read again from its bytes, and a result that is not valid is
never sent.

It trusts nothing of the builders: the SEG's own pixels are counted, the figures of report, page and
presentation state are compared with those counts, and every inherited attribute with what came,
byte for byte. `instance` holds what is asked of any object, `content` what of any content tree; the
rest is each kind's own.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO

from pydicom import Dataset, dcmread

from sr_writer.identity import Identity
from sr_writer.kind import Kind
from sr_writer.source import Source
from sr_writer.verify.instance import instance_faults

__all__ = ["InvalidResult", "verify"]


class InvalidResult(ValueError):
    """A built object is not valid; the message says what is wrong, and with which UID."""


def verify(
    kind: Kind,
    content: bytes,
    source: Source,
    identity: Identity,
    faults_of: Callable[[Dataset], Iterable[str]],
) -> None:
    """Raise InvalidResult unless it is a valid object of `kind` without any of `faults_of`."""
    with _naming(kind, identity):
        dataset = dcmread(BytesIO(content))
        _refuse(instance_faults(dataset, kind, source, identity))
        _refuse(faults_of(dataset))


class _Faults(Exception):
    """What is wrong, before it is said of which object."""


def _refuse(faults: Iterable[str]) -> None:
    found = "; ".join(faults)
    if found:
        raise _Faults(found)


@contextmanager
def _naming(kind: Kind, identity: Identity) -> Iterator[None]:
    """Any failure to read the object, and any fault of it, as InvalidResult with its UID."""
    uid = identity.sop_instance_uid(kind.role)
    try:
        yield
    except _Faults as exc:
        raise InvalidResult(f"{kind.role} {uid} is not valid: {exc}") from None
    except Exception as exc:
        # Whatever this reader stumbles over, a PACS may stumble over too.
        raise InvalidResult(f"{kind.role} {uid} cannot be read again: {exc!r}") from exc
