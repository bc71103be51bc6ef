"""What a person can do about a job that ended FAILED, and about a delivery that is not there."""

from collections.abc import Mapping
from types import MappingProxyType

from dicom_node.delivery.outcome import Fate, fate_of
from dicom_node.ledger import (
    REJECTION_NOTE,
    Delivery,
    DeliveryState,
    Event,
    Failure,
    Refusal,
    Unverified,
)
from dicom_node.ops.outlook import Outlook
from dicom_node.ops.wording import line

_PASSED = "it may have passed: see that it has, then {requeue}"
#: By the name of the exception that ended the job; every class of `dicom_node.errors` is here.
BY_ERROR: Mapping[str, str] = MappingProxyType(
    {
        "NodeError": "see the log around it; then {requeue}",
        "UsageError": "correct the configuration as the reason says, restart, then {requeue}",
        "ConfigError": "correct the configuration as the reason says, restart, then {requeue}",
        "LedgerDamaged": "put back its copy, or move it aside: what is in the spool is found again",
        "Permanent": "trying again gives the same: send the image again from where it was made",
        "NotDicom": "the file is no DICOM: send it again from where it was made",
        "InvalidUid": "its UID is not formed like one: correct it where it was made, and send it"
        " again",
        "TooLarge": "raise max_instance_mb in node.toml, restart, and send the image again",
        "ClassMismatch": "its sender names another instance than it sends: tell whoever services"
        " it, and send the image again from where it was made",
        "Undecodable": "the image itself cannot be read: send it again from where it was made",
        "UnusableCorrection": "do as the reason says in the viewer that it was drawn in, and store"
        " it anew",
        "InvalidResult": "a fault of this version: report it; after an update, {requeue}",
        "DamagedInSpool": "check the disk that holds the spool, and send the image again",
        "NotOffered": "allow it at the destination, or set another verify for it; then {requeue}",
        "NotRetrieved": "send it to this node from the archive that does not give it",
        "Transient": _PASSED,
        "SpoolUnavailable": "see that the spool's disk is there and has room (cxr-node doctor);"
        " then {requeue}",
        "SpoolUnreadable": "the disk gives I/O errors (dmesg): replace it, and send the image"
        " again, which writes the file anew",
        "LedgerUnavailable": "see that the database answers (cxr-node doctor); then {requeue}",
        "MemoryUnavailable": "see who has the memory of this host, or of its GPU (nvidia-smi); then"
        " {requeue}",
        "OutOfMemory": "give the worker more memory (free, nvidia-smi), or look why the image is so"
        " large; then {requeue}",
        "BrokerUnavailable": "see that the broker answers (cxr-node doctor); then {requeue}",
        "DestinationUnavailable": "see that the destination answers (cxr-node doctor); then"
        " {requeue}",
        "DestinationAway": "see that the destination answers (cxr-node doctor); then {requeue}",
        "ChannelFailed": "try each channel of [notify]: cxr-node alerts --test; what was to be told"
        " is tried again for a day",
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
_GIVEN_UP = (
    "see that {destination} is there (cxr-node destinations try {destination}); then {requeue}"
)
_HELD = (
    "nothing while {destination} is silent; then cxr-node requeue --job {job} --state HELD sends it"
)
_UNVERIFIED = (
    "look there whether it has it; cxr-node requeue --job {job} --state UNVERIFIED sends it again"
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
_RENEW_THEIRS = (
    "have {destination}'s certificate renewed; if its issuer is not known here, add it to [tls]"
    " trusted (the ca_file of a DICOMweb server); if it is for another name, set tls_name"
)
_RENEW_LIST = "put the issuer's present list of revoked certificates in [tls] revoked"
_RENEW_OURS = (
    "have this node's own certificate ([tls] certificate) renewed, or make its issuer known to"
    " {destination}"
)
#: What is said of a destination where the certificate is what stops it; the first that is found.
_BY_CERTIFICATE: Mapping[str, str] = MappingProxyType(
    {
        "its certificate was refused: CRL ": _RENEW_LIST,
        "its certificate was refused: unable to get certificate CRL": _RENEW_LIST,
        "its certificate was refused": _RENEW_THEIRS,
        "its certificate is not trusted": _RENEW_THEIRS,
        "the certificate it was shown": _RENEW_OURS,
        "it wants a certificate to be shown": "name this node's own in [tls] certificate and key",
    }
)
_DECLINED = "it answers, but declines this: look at its log; after five tries it is REFUSED"
_NOT_NOW = "it answers, but cannot take this now: look at its log; it is sent until it does"
_BY_DELIVERY: Mapping[DeliveryState, str] = MappingProxyType(
    {
        DeliveryState.DAMAGED: "nothing: it is being built again",
        DeliveryState.HELD: _HELD,
        DeliveryState.REFUSED: _REFUSED,
        DeliveryState.DEAD: _LOST,
        DeliveryState.GIVEN_UP: _GIVEN_UP,
        DeliveryState.UNVERIFIED: _UNVERIFIED,
        DeliveryState.SUBSTITUTED: "nothing, or allow its SOP Class at {destination}",
    }
)


def remedy(failure: Failure) -> str:
    """One sentence that can work."""
    name = "WorkerDied" if failure.event == Event.GIVEN_UP else failure.error
    return BY_ERROR.get(name, _UNEXPECTED).format(requeue=_requeue(failure.job_id))


def refusal_remedy(refusal: Refusal) -> str:
    """The same for what a destination refused, or what was lost on the way there."""
    said = _NOTE_REFUSED if refusal.is_note else _REFUSED
    if refusal.is_lost or refusal.is_given_up:
        said = _LOST if refusal.is_lost else _GIVEN_UP
    destination = line(refusal.destination)
    return said.format(destination=destination, requeue=_requeue(refusal.job_id, "REFUSED"))


def unverified_remedy(one: Unverified) -> str:
    """The same for what a destination did not confirm to keep."""
    return _UNVERIFIED.format(job=one.job_id)


def certificate_remedy(destination: str, reason: str) -> str:
    """The same for one that is not reached; empty where no certificate is the reason."""
    for words, said in _BY_CERTIFICATE.items():
        if words in reason:
            return f"{said.format(destination=line(destination))}; what waits is sent then"
    return ""


def remedy_of_delivery(delivery: Delivery, outlook: Outlook) -> str:
    """One sentence; empty where there is nothing to mend."""
    said = _BY_DELIVERY.get(delivery.state, "")
    if delivery.state is DeliveryState.WAITING:
        said = _of_waiting(delivery, outlook)
    if delivery.state is DeliveryState.REFUSED and delivery.role == REJECTION_NOTE:
        said = _NOTE_REFUSED
    requeue = _requeue(delivery.job_id, "REFUSED")
    destination = line(delivery.destination)
    return said.format(destination=destination, requeue=requeue, job=delivery.job_id)


def _of_waiting(delivery: Delivery, outlook: Outlook) -> str:
    name = delivery.destination
    if outlook.is_gone(name):
        return _GONE
    if outlook.is_paused(name):
        return _PAUSED
    standing = outlook.standing(name)
    if not standing.reachable:
        return certificate_remedy(name, standing.last_error or "") or _DOWN
    if delivery.dimse_status is not None:
        is_final = fate_of(delivery.dimse_status) is Fate.A_FEW_TIMES
        return _DECLINED if is_final else _NOT_NOW
    # What has not met with anything yet only waits for its turn.
    return _DOWN if delivery.reason else ""


def _requeue(job_id: int, state: str = "") -> str:
    return f"cxr-node requeue --job {job_id}{f' --state {state}' if state else ''}"
