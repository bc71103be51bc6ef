"""The events that this node tells (PS3.15 A.5.3), each as its message.

Codes are those of PS3.16, CID 400 to 402. Of each event the time is that of telling it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from dicom_node.audit.message import Action, Code, Message, Outcome, Participant, Thing
from dicom_node.audit.subject import Subject

_ACTIVITY = Code("110100", "Application Activity")
_STARTED = Code("110120", "Application Start")
_STOPPED = Code("110121", "Application Stop")
_ACCESSED = Code("110103", "DICOM Instances Accessed")
_TRANSFERRED = Code("110104", "DICOM Instances Transferred")
_QUERY = Code("110112", "Query")
_ALERT = Code("110113", "Security Alert")
_NODE_AUTHENTICATION = Code("110126", "Node Authentication")
_RESTRICTED = Code("110132", "Use of Restricted Function")
_AUTHENTICATION = Code("110114", "User Authentication")
_LOGIN, _LOGOUT = Code("110122", "Login"), Code("110123", "Logout")
_APPLICATION = Code("110150", "Application")
_FROM, _TO = Code("110153", "Source Role ID"), Code("110152", "Destination Role ID")
_STUDY, _SOP_CLASS = Code("110180", "Study Instance UID"), Code("110181", "SOP Class UID")
_NODE = Code("110182", "Node ID")
#: RFC 3881 5.5.4.
_PATIENT_NUMBER = Code("2", "Patient Number", "RFC-3881")
_PERSON, _SYSTEM = "1", "2"
_PATIENT, _REPORT = "1", "3"
_NOTHING: Mapping[str, int] = {}


def application(process: Participant, *, started: bool) -> Message:
    """A.5.3.1: a process of the node began, or ended as it was told to."""
    kind = _STARTED if started else _STOPPED
    who = replace(process, role=_APPLICATION)
    return Message(_ACTIVITY, Action.EXECUTE, _now(), (who,), kind=kind)


def accessed(
    by: Participant,
    subject: Subject,
    action: Action = Action.READ,
    sop_classes: Mapping[str, int] = _NOTHING,
    fault: str = "",
) -> Message:
    """A.5.3.6: somebody, a process or a person, looked at instances; `fault`: in vain."""
    return _of_instances(_ACCESSED, action, (replace(by, is_requestor=True),), subject,
                         sop_classes, fault)  # fmt: skip


def transferred(
    source: Participant,
    destination: Participant,
    subject: Subject,
    sop_classes: Mapping[str, int],
    fault: str = "",
) -> Message:
    """A.5.3.7: `source` sent instances and `destination` has them; `fault`: it refused."""
    ends = (replace(source, role=_FROM, is_requestor=True), replace(destination, role=_TO))
    return _of_instances(_TRANSFERRED, Action.CREATE, ends, subject, sop_classes, fault)


def queried(
    source: Participant,
    destination: Participant,
    sop_class_uid: str,
    transfer_syntax_uid: str,
    query: bytes,
    fault: str = "",
) -> Message:
    """A.5.3.10: `source` asked `destination`, by the data set `query`."""
    ends = (replace(source, role=_FROM, is_requestor=True), replace(destination, role=_TO))
    asked = Thing(
        sop_class_uid, _SOP_CLASS, _SYSTEM, _REPORT, query=query,
        details={"TransferSyntax": transfer_syntax_uid} if transfer_syntax_uid else {},
    )  # fmt: skip
    return _ended(Message(_QUERY, Action.EXECUTE, _now(), ends, (asked,)), fault)


def refused(process: Participant, host: str, aet: str, why: str) -> Message:
    """A.5.3.11: somebody was not let in, by AE title, address or certificate."""
    stranger = Participant(aet or host, True, aet=aet, host=host)
    subject = Thing(host, _NODE, _SYSTEM, details={"Alert Description": why})
    return Message(
        _ALERT, Action.EXECUTE, _now(), (process, stranger), (subject,), _NODE_AUTHENTICATION,
        Outcome.MINOR_FAILURE, why,
    )  # fmt: skip


def restricted(by: Participant, process: Participant, what: str) -> Message:
    """A.5.3.11: a person did what not everybody may: paused a destination, sent something again."""
    done = Thing(process.user_id, _NODE, _SYSTEM, details={"Alert Description": what})
    who = replace(by, is_requestor=True)
    return Message(_ALERT, Action.EXECUTE, _now(), (process, who), (done,), _RESTRICTED,
                   description=what)  # fmt: skip


def authenticated(
    by: Participant, process: Participant, *, login: bool = True, fault: str = ""
) -> Message:
    """A.5.3.12: a person logged in, or out; `fault`: was not let in."""
    who = replace(by, is_requestor=True)
    kind = _LOGIN if login else _LOGOUT
    message = Message(_AUTHENTICATION, Action.EXECUTE, _now(), (who, process), (), kind)
    return _ended(message, fault)


def _of_instances(
    event: Code,
    action: Action,
    participants: Iterable[Participant],
    subject: Subject,
    sop_classes: Mapping[str, int],
    fault: str,
) -> Message:
    study = Thing(
        subject.study_instance_uid, _STUDY, _SYSTEM, _REPORT,
        accession_number=subject.accession_number, sop_classes=sop_classes,
    )  # fmt: skip
    # As HL7 writes an ID with who gave it (CX).
    patient_id = subject.patient_id + (f"^^^{subject.issuer}" if subject.issuer else "")
    patient = Thing(patient_id, _PATIENT_NUMBER, _PERSON, _PATIENT, subject.patient_name)
    return _ended(Message(event, action, _now(), tuple(participants), (study, patient)), fault)


def _ended(message: Message, fault: str) -> Message:
    """With its outcome."""
    if not fault:
        return message
    return replace(message, outcome=Outcome.MINOR_FAILURE, description=fault)


def _now() -> datetime:
    return datetime.now(UTC)
