"""What a person can do about a job that ended FAILED."""

from dicom_node.ledger import Event, Failure

_BY_ERROR = {
    "Undecodable": "the image itself cannot be read: send it again from where it was made",
    "InvalidResult": "a fault of this version: report it; after an update, {requeue}",
    "DamagedInSpool": "check the disk that holds the spool, and send the image again",
    "WorkerDied": "the image ends the process that analyses it (out of memory, a crash): see the"
    " log; after an update or with more memory, {requeue}",
}
_LOST = "check the disk that holds the spool; then {requeue}"
#: In the reason of what is damaged on disk and could not be built again.
_DAMAGED = ("building it again", "could not be built again")
_REFUSED = (
    "ask why the destination refuses it, or give it another preset under [[destination]]; then"
    " {requeue}"
)
_UNEXPECTED = "not foreseen: report it with the traceback in the log; after an update, {requeue}"


def remedy(failure: Failure) -> str:
    """One sentence that can work."""
    requeue = f"cxr-node requeue --sop-instance-uid {failure.sop_instance_uid}"
    if failure.event == Event.NOT_ALL_DELIVERED:
        lost = any(words in failure.reason for words in _DAMAGED)
        return (_LOST if lost else _REFUSED).format(requeue=requeue)
    name = "WorkerDied" if failure.event == Event.GIVEN_UP else failure.error
    return _BY_ERROR.get(name, _UNEXPECTED).format(requeue=requeue)
