"""What a person can do about a job that ended FAILED, and about what a destination refused."""

from dicom_node.ledger import Event, Failure, Refusal

_BY_ERROR = {
    "Undecodable": "the image itself cannot be read: send it again from where it was made",
    "InvalidResult": "a fault of this version: report it; after an update, {requeue}",
    "DamagedInSpool": "check the disk that holds the spool, and send the image again",
    "WorkerDied": "the image ends the process that analyses it (out of memory, a crash): see the"
    " log; after an update or with more memory, {requeue}",
}
_UNEXPECTED = "not foreseen: report it with the traceback in the log; after an update, {requeue}"
_LOST = "check the disk that holds the spool; then {requeue}"
_REFUSED = (
    "ask why the destination refuses it, or give it another preset under [[destination]]; then"
    " {requeue}"
)


def remedy(failure: Failure) -> str:
    """One sentence that can work."""
    name = "WorkerDied" if failure.event == Event.GIVEN_UP else failure.error
    requeue = f"cxr-node requeue --sop-instance-uid {failure.sop_instance_uid}"
    return _BY_ERROR.get(name, _UNEXPECTED).format(requeue=requeue)


def refusal_remedy(refusal: Refusal) -> str:
    """Likewise."""
    uid = refusal.sop_instance_uid
    requeue = f"cxr-node requeue --outcome REFUSED --sop-instance-uid {uid}"
    return (_LOST if refusal.is_lost else _REFUSED).format(requeue=requeue)
