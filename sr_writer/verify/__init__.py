"""The last gate: what was built is read again from its bytes, and a result that is not valid is
never sent.

It trusts nothing of the builders: the SEG's own pixels are counted, the figures of report, page and
presentation state are compared with those counts, and every inherited attribute with what came,
byte for byte. `instance` holds what is asked of any object, the other modules each one kind's own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO

from pydicom import Dataset, dcmread

from inference.findings import Findings
from sr_writer.doc.verify import document_faults
from sr_writer.identity import Identity, Reference, Role
from sr_writer.ko.verify import key_object_faults, rejection_note_faults
from sr_writer.pr.verify import presentation_state_faults
from sr_writer.sc.verify import overlay_faults
from sr_writer.seg.verify import segmentation_faults
from sr_writer.source import Source
from sr_writer.sr.verify import notice_faults, report_faults
from sr_writer.verify.instance import instance_faults

__all__ = ["InvalidResult", "verify", "verify_notice", "verify_rejection_note"]

_FAULTS = {
    Role.SEG: segmentation_faults,
    Role.SR: report_faults,
    Role.SR2D: report_faults,
    Role.SC: overlay_faults,
    Role.KO: key_object_faults,
    Role.PR: presentation_state_faults,
    Role.DOC: document_faults,
}


class InvalidResult(ValueError):
    """A built object is not valid; the message says what is wrong, and with which UID."""


def verify(
    contents: Mapping[Role, bytes], source: Source, findings: Findings, identity: Identity
) -> None:
    """Raise InvalidResult unless every object is valid and all agree with each other."""
    for role, content in contents.items():
        faults_of = _FAULTS[role]
        with _naming(role, identity):
            dataset = _valid_instance(role, content, source, identity)
            _refuse(faults_of(dataset, source, findings, identity))


def verify_notice(
    role: Role, content: bytes, source: Source, identity: Identity, reason: str
) -> None:
    """Raise InvalidResult unless the notice is valid and says why."""
    with _naming(role, identity):
        dataset = _valid_instance(role, content, source, identity)
        _refuse(notice_faults(dataset, source, identity, reason))


def verify_rejection_note(
    content: bytes,
    source: Source,
    identity: Identity,
    title: str,
    rejected: Sequence[Reference],
) -> None:
    """Raise InvalidResult unless the rejection note is valid and takes back just these."""
    with _naming(Role.KO, identity):
        dataset = _valid_instance(Role.KO, content, source, identity)
        _refuse(rejection_note_faults(dataset, title, rejected))


class _Faults(Exception):
    """What is wrong, before it is said of which object."""


def _valid_instance(role: Role, content: bytes, source: Source, identity: Identity) -> Dataset:
    dataset = dcmread(BytesIO(content))
    _refuse(instance_faults(dataset, role, source, identity))
    return dataset


def _refuse(faults: Iterable[str]) -> None:
    found = "; ".join(faults)
    if found:
        raise _Faults(found)


@contextmanager
def _naming(role: Role, identity: Identity) -> Iterator[None]:
    """Any failure to read the object, and any fault of it, as InvalidResult with its UID."""
    uid = identity.sop_instance_uid(role)
    try:
        yield
    except _Faults as exc:
        raise InvalidResult(f"{role} {uid} is not valid: {exc}") from None
    except Exception as exc:
        # Whatever this reader stumbles over, a PACS may stumble over too.
        raise InvalidResult(f"{role} {uid} cannot be read again: {exc!r}") from exc
