"""Reports on storage commitments (PS3.4 J.3.3), whichever association they come by.

An archive reports on the association that the request came by, or on one of its own to any listener
of the node: at once, days later, twice, or of a part. The ledger knows what it is about.
"""

import logging

from pydicom import Dataset
from pydicom.uid import generate_uid

from dicom_node.errors import SUCCESS, Transient
from dicom_node.ledger import CommitmentReport, Ledger

logger = logging.getLogger(__name__)

#: Statuses of an answer to N-EVENT-REPORT, PS3.7 10.1.1.1.8 and Annex C.
PROCESSING_FAILURE = 0x0110
_NO_SUCH_EVENT_TYPE = 0x0113
_INVALID_ARGUMENT_VALUE = 0x0115
#: Event Type IDs, PS3.4 table J.3-2: all are committed; failures exist.
_EVENT_TYPES = (1, 2)
#: Failure Reason where a report gives none: processing failure.
_NO_REASON = 0x0110


def receive(ledger: Ledger, event_type: int, information: Dataset, sender: str) -> int:
    """Keep what a report says; the status that it is to be answered with.

    A failure where the ledger is away, so that the archive tells it again.
    """
    if event_type not in _EVENT_TYPES:
        return _NO_SUCH_EVENT_TYPE
    report = read_report(information)
    extra: dict[str, object] = {"from": sender, "transaction_uid": report.transaction_uid}
    try:
        reported = ledger.verifications.report(report)
    except Transient as exc:
        logger.warning("could not keep a report", extra=extra | {"reason": str(exc)})
        return PROCESSING_FAILURE
    if reported is None:
        logger.warning("a report on a storage commitment that nobody requested", extra=extra)
        return _INVALID_ARGUMENT_VALUE
    numbers = {name: getattr(reported, name) for name in ("verified", "missing", "unsettled")}
    bad = reported.missing or reported.unsettled
    log = logger.warning if bad else logger.info
    log("a destination reported", extra=extra | {"destination": reported.destination} | numbers)
    return SUCCESS


def read_report(information: Dataset) -> CommitmentReport:
    """Both sequences may be absent or empty, and so may an item be: what is not named is not said.

    What is in both has failed.
    """
    failed = {
        uid: int(item.get("FailureReason") or _NO_REASON)
        for item in information.get("FailedSOPSequence") or ()
        if (uid := _uid(item, "ReferencedSOPInstanceUID"))
    }
    held = {
        uid
        for item in information.get("ReferencedSOPSequence") or ()
        if (uid := _uid(item, "ReferencedSOPInstanceUID"))
    }
    return CommitmentReport(_uid(information, "TransactionUID"), frozenset(held), failed)


def transaction_uid() -> str:
    """A new one, which nobody can guess (PS3.5 B.2): who knows it was asked by us."""
    return str(generate_uid(prefix=None))


def _uid(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip(" \0")
