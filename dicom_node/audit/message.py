"""One audit message, and its XML by the schema of PS3.15 A.5.1."""

import unicodedata
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from xml.etree.ElementTree import Element, SubElement, tostring


class Action(StrEnum):
    """Event Action Code."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class Outcome(StrEnum):
    """Event Outcome Indicator."""

    SUCCESS = "0"
    MINOR_FAILURE = "4"
    SERIOUS_FAILURE = "8"
    MAJOR_FAILURE = "12"


@dataclass(frozen=True, slots=True)
class Code:
    """A coded value."""

    value: str
    meaning: str
    system: str = "DCM"


@dataclass(frozen=True, slots=True)
class Source:
    """Who reports (Audit Source Identification)."""

    identity: str
    site: str = ""  #: "": not said


@dataclass(frozen=True, slots=True)
class Participant:
    """A person or a process that took part (Active Participant)."""

    user_id: str
    is_requestor: bool = False
    role: Code | None = None
    aet: str = ""  #: of a DICOM application; "": it is none, or not known
    name: str = ""  #: for people; "": not said
    host: str = ""  #: name or IP address; "": not known
    is_address: bool = True  #: `host` is an IP address, no name


@dataclass(frozen=True, slots=True)
class Thing:
    """What it was done to (Participant Object Identification)."""

    identity: str
    id_type: Code
    type_code: str  #: "1" a person, "2" a system object
    role: str = ""  #: Participant Object Type Code Role; "": none of these
    name: str = ""
    query: bytes | None = None  #: stands in place of the name
    details: Mapping[str, str] = field(default_factory=dict)  #: type to value
    accession_number: str = ""
    #: SOP Class UID to the number of instances.
    sop_classes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """What happened, who took part, what it was done to."""

    event: Code
    action: Action
    at: datetime  #: aware
    participants: tuple[Participant, ...]
    things: tuple[Thing, ...] = ()
    kind: Code | None = None  #: Event Type Code
    outcome: Outcome = Outcome.SUCCESS
    description: str = ""  #: of the outcome


def as_xml(message: Message, source: Source) -> str:
    """In one line, without a declaration."""
    root = Element("AuditMessage")
    _add_event(root, message)
    for participant in message.participants:
        _add_participant(root, participant)
    told = {"AuditEnterpriseSiteID": source.site, "AuditSourceID": source.identity}
    from_ = SubElement(root, "AuditSourceIdentification", _said(told, always="AuditSourceID"))
    # 4: an application server's process.
    SubElement(from_, "AuditSourceTypeCode", {"csd-code": "4"})
    for thing in message.things:
        _add_thing(root, thing)
    return tostring(root, encoding="unicode")


def _add_event(root: Element, message: Message) -> None:
    event = SubElement(
        root,
        "EventIdentification",
        {
            "EventActionCode": message.action.value,
            "EventDateTime": message.at.isoformat(timespec="milliseconds"),
            "EventOutcomeIndicator": message.outcome.value,
        },
    )
    _add_code(event, "EventID", message.event)
    if message.kind is not None:
        _add_code(event, "EventTypeCode", message.kind)
    if message.description:
        SubElement(event, "EventOutcomeDescription").text = _plain(message.description)


def _add_participant(root: Element, who: Participant) -> None:
    told = {
        "UserID": who.user_id,
        # A.5.2.2: of an application, its AE titles.
        "AlternativeUserID": f"AETITLES={who.aet}" if who.aet else "",
        "UserName": who.name,
        "UserIsRequestor": str(who.is_requestor).lower(),
        "NetworkAccessPointID": who.host,
        "NetworkAccessPointTypeCode": ("2" if who.is_address else "1") if who.host else "",
    }
    made = SubElement(root, "ActiveParticipant", _said(told, always="UserID"))
    if who.role is not None:
        _add_code(made, "RoleIDCode", who.role)


def _add_thing(root: Element, thing: Thing) -> None:
    told = {
        "ParticipantObjectID": thing.identity,
        "ParticipantObjectTypeCode": thing.type_code,
        "ParticipantObjectTypeCodeRole": thing.role,
    }
    made = SubElement(
        root, "ParticipantObjectIdentification", _said(told, always="ParticipantObjectID")
    )
    _add_code(made, "ParticipantObjectIDTypeCode", thing.id_type)
    if thing.query is None:
        # The schema wants one of the two, be it empty.
        SubElement(made, "ParticipantObjectName").text = _plain(thing.name)
    else:
        SubElement(made, "ParticipantObjectQuery").text = b64encode(thing.query).decode("ascii")
    for kind, value in thing.details.items():
        coded = b64encode(value.encode("utf-8", "replace")).decode("ascii")
        SubElement(made, "ParticipantObjectDetail", {"type": kind, "value": coded})
    if thing.accession_number or thing.sop_classes:
        described = SubElement(made, "ParticipantObjectDescription")
        if thing.accession_number:
            SubElement(described, "Accession", {"Number": _plain(thing.accession_number)})
        for uid, count in thing.sop_classes.items():
            SubElement(described, "SOPClass", {"UID": _plain(uid), "NumberOfInstances": str(count)})


def _add_code(parent: Element, name: str, code: Code) -> None:
    SubElement(
        parent,
        name,
        {"csd-code": code.value, "codeSystemName": code.system, "originalText": code.meaning},
    )


def _said(attributes: Mapping[str, str], always: str) -> dict[str, str]:
    """Without those that say nothing, but for the one that has to be there."""
    return {name: _plain(value) for name, value in attributes.items() if value or name == always}


def _plain(text: str) -> str:
    """Without what XML 1.0 cannot hold, or would make more than one line."""
    return "".join(
        " " if unicodedata.category(one) in ("Cc", "Cs", "Cn", "Zl", "Zp") else one for one in text
    )
