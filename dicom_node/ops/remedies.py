"""What a person can do about a job that ended FAILED, and about a delivery that is not there."""

from collections.abc import Mapping
from types import MappingProxyType

from dicom_node.delivery.outcome import Fate, fate_of
from dicom_node.ledger import REJECTION_NOTE, Delivery, DeliveryState, Event, Failure, Refusal
from dicom_node.ops.outlook import Outlook
from dicom_node.ops.wording import line

_PASSED = "it may have passed: see that it has, then {requeue}"
#: By the name of the exception that ended the job; every class of `dicom_node.errors` is here.
BY_ERROR: Mapping[str, str] = MappingProxyType(
    {
        "NodeError": "see the log around it; then {requeue}",
        "UsageError": "correct the configuration as the reason says, restart, then {requeue}",
        "ConfigError": "correct the configuration as the reason says, restart, then {requeue}",
        "Permanent": "trying again gives the same: send the image again from where it was made",
        "NotDicom": "the file is no DICOM: send it again from where it was made",
        "InvalidUid": "its UID is not formed like one: correct it where it was made, and send it"
        " again",
        "TooLarge": "raise max_instance_mb in node.toml, restart, and send the image again",
        "ClassMismatch": "its sender names another instance than it sends: tell whoever services"
        " it, and send the image again from where it was made",
        "Undecodable": "the image itself cannot be read: send it again from where it was made",
        "InvalidResult": "a fault of this version: report it; after an update, {requeue}",
        "DamagedInSpool": "check the disk that holds the spool, and send the image again",
        "Transient": _PASSED,
        "SpoolUnavailable": "see that the spool's disk is there and has room (cxr-node doctor);"
        " then {requeue}",
        "LedgerUnavailable": "see that the database answers (cxr-node doctor); then {requeue}",
        "BrokerUnavailable": "see that the broker answers (cxr-node doctor); then {requeue}",
        "DestinationUnavailable": "see that the destination answers (cxr-node doctor); then"
        " {requeue}",
        "WorkerDied": "the image ends the process that analyses it (out of memory, a crash): see"
        " the log; after an update or with more memory, {requeue}",
        "ThreadEnded": "a thread of the node ended: report it with the log around it; then"
        " {requeue}",
    }
)
_LOST = "check the disk that holds the spool; then {requeue}"
_REFUSED = (
    "ask why the destination refuses it; once it takes it, {requeue} (another preset under"
    " [[destination]] concerns later images only)"
)
_NOTE_REFUSED = (
    "remove the earlier SEG and SC there by hand (the earlier SR too, if they lie in a wrong study"
    " or the image was rejected), or set rejection_notes = false for {destination}, which sends no"
    " more of them"
)
_UNEXPECTED = "not foreseen: report it with the traceback in the log; after an update, {requeue}"
_GONE = "cxr-node destinations move {destination} NEW, or forget {destination}"
_PAUSED = "cxr-node destinations resume {destination}, or nothing where the pause has an end"
_DOWN = (
    "nothing, if {destination} comes back: it is sent then; once it is there, cxr-node destinations"
    " try {destination} sends it at once"
)
_DECLINED = "it answers, but declines this: look at its log; after five tries it is REFUSED"
_NOT_NOW = "it answers, but cannot take this now: look at its log; it is sent until it does"
_BY_DELIVERY: Mapping[DeliveryState, str] = MappingProxyType(
    {
        DeliveryState.DAMAGED: "nothing: it is being built again",
        DeliveryState.REFUSED: _REFUSED,
        DeliveryState.DEAD: _LOST,
        DeliveryState.SUBSTITUTED: "nothing, or allow its SOP Class at {destination}",
    }
)


def remedy(failure: Failure) -> str:
    """One sentence that can work."""
    name = "WorkerDied" if failure.event == Event.GIVEN_UP else failure.error
    return BY_ERROR.get(name, _UNEXPECTED).format(requeue=_requeue(failure.job_id))


def refusal_remedy(refusal: Refusal) -> str:
    """The same for what a destination refused, or what was lost on the way there."""
    said = _LOST if refusal.is_lost else _NOTE_REFUSED if refusal.is_note else _REFUSED
    destination = line(refusal.destination)
    return said.format(destination=destination, requeue=_requeue(refusal.job_id, "REFUSED"))


def remedy_of_delivery(delivery: Delivery, outlook: Outlook) -> str:
    """One sentence; empty where there is nothing to mend."""
    said = _BY_DELIVERY.get(delivery.state, "")
    if delivery.state is DeliveryState.WAITING:
        said = _of_waiting(delivery, outlook)
    if delivery.state is DeliveryState.REFUSED and delivery.role == REJECTION_NOTE:
        said = _NOTE_REFUSED
    requeue = _requeue(delivery.job_id, "REFUSED")
    return said.format(destination=line(delivery.destination), requeue=requeue)


def _of_waiting(delivery: Delivery, outlook: Outlook) -> str:
    name = delivery.destination
    if outlook.is_gone(name):
        return _GONE
    if outlook.is_paused(name):
        return _PAUSED
    if not outlook.standing(name).reachable:
        return _DOWN
    if delivery.dimse_status is not None:
        is_final = fate_of(delivery.dimse_status) is Fate.A_FEW_TIMES
        return _DECLINED if is_final else _NOT_NOW
    # What has not met with anything yet only waits for its turn.
    return _DOWN if delivery.reason else ""


def _requeue(job_id: int, state: str = "") -> str:
    return f"cxr-node requeue --job {job_id}{f' --state {state}' if state else ''}"
