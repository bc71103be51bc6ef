"""Each event as its message: valid by the schema, with who did what to whom."""

from base64 import b64decode
from datetime import datetime
from typing import Any, cast

import pytest
from lxml import etree
from pydicom.sr._concepts_dict import concepts

from dicom_node.audit import Participant, Subject, events
from dicom_node.audit.message import Action, Code, Message, Source, as_xml
from tests.dicom_node.audit.messages import detail, event_of, read, things, users

HERE = Participant("host:listen:7", aet="CXRNODE", name="cxr-node listen", host="host",
                   is_address=False)  # fmt: skip
PACS = Participant("PACS", aet="PACS", host="10.0.0.5")
SMITH = Participant("smith@hospital", name="Smith", host="10.0.0.9")
SUBJECT = Subject("1.2.3", "4711", "HOSPITAL", "Jäger^Ada", "A-1")
SOURCE = Source("CXRNODE@host", "Nowhere General")
CR = "1.2.840.10008.5.1.4.1.1.1"

MESSAGES = {
    "started": events.application(HERE, started=True),
    "stopped": events.application(HERE, started=False),
    "received": events.transferred(PACS, HERE, SUBJECT, {CR: 2}),
    "refused by": events.transferred(HERE, PACS, SUBJECT, {CR: 1}, "pacs: answered 0xa900"),
    "accessed": events.accessed(SMITH, SUBJECT),
    "asked": events.queried(HERE, PACS, "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.1.2", b"\0q"),
    "not let in": events.refused(HERE, "10.0.0.66", "EVIL", "the caller is not on the allow-list"),
    "no certificate": events.refused(HERE, "10.0.0.66", "", "it showed no certificate"),
    "paused": events.restricted(SMITH, HERE, "paused pacs"),
    "logged in": events.authenticated(SMITH, HERE),
    "not logged in": events.authenticated(SMITH, HERE, fault="wrong password"),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_is_valid_by_the_schema_and_in_one_line(name: str) -> None:
    xml = as_xml(MESSAGES[name], SOURCE)
    root = read(xml)
    assert "\n" not in xml
    at = root.xpath("EventIdentification/@EventDateTime")[0]
    assert datetime.fromisoformat(str(at)).tzinfo is not None
    assert root.xpath("AuditSourceIdentification/@AuditSourceID") == ["CXRNODE@host"]
    assert len(root.xpath("ActiveParticipant[@UserIsRequestor='true']")) <= 1


@pytest.mark.parametrize("name", MESSAGES)
def test_codes_are_those_of_the_standard(name: str) -> None:
    known = {
        value: meaning
        for named in cast("dict[str, dict[str, Any]]", concepts["DCM"]).values()
        for value, (meaning, _) in named.items()
    }
    for code in read(as_xml(MESSAGES[name], SOURCE)).iterfind(".//*[@codeSystemName='DCM']"):
        assert known[code.get("csd-code")] == code.get("originalText")


def test_a_receipt_names_both_ends_the_study_and_the_patient() -> None:
    root = read(as_xml(MESSAGES["received"], SOURCE))
    assert event_of(root) == ("DICOM Instances Transferred", "")
    assert users(root) == {"PACS": "Source Role ID", "host:listen:7": "Destination Role ID"}
    assert things(root) == {"Study Instance UID": "1.2.3", "Patient Number": "4711^^^HOSPITAL"}
    assert root.xpath("//ParticipantObjectName/text()") == ["Jäger^Ada"]
    assert root.xpath("//Accession/@Number") == ["A-1"]
    assert root.xpath("//SOPClass/@NumberOfInstances") == ["2"]
    assert root.xpath("ActiveParticipant/@AlternativeUserID") == [
        "AETITLES=PACS", "AETITLES=CXRNODE",
    ]  # fmt: skip


def test_what_failed_says_so_and_why() -> None:
    root = read(as_xml(MESSAGES["refused by"], SOURCE))
    assert root.xpath("EventIdentification/@EventOutcomeIndicator") == ["4"]
    assert root.xpath("//EventOutcomeDescription/text()") == ["pacs: answered 0xa900"]
    alert = read(as_xml(MESSAGES["not let in"], SOURCE))
    assert event_of(alert) == ("Security Alert", "Node Authentication")
    assert detail(alert, "Alert Description") == "the caller is not on the allow-list"


def test_a_query_is_told_as_it_was_asked() -> None:
    root = read(as_xml(MESSAGES["asked"], SOURCE))
    (query,) = root.xpath("//ParticipantObjectQuery/text()")
    assert b64decode(str(query)) == b"\0q"
    assert detail(root, "TransferSyntax") == "1.2.840.10008.1.2"


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "a\x1b[2J\x00b", "one\ntwo", "\ud800", "]]>&\"'", ""]
)
def test_whatever_a_header_says_stays_text(name: str) -> None:
    xml = as_xml(events.accessed(SMITH, Subject("1.2", name, "", name, name)), SOURCE)
    root = read(xml)
    assert "\n" not in xml
    assert [child.tag for child in root] == [
        "EventIdentification", "ActiveParticipant", "AuditSourceIdentification",
        "ParticipantObjectIdentification", "ParticipantObjectIdentification",
    ]  # fmt: skip


def test_the_schema_refuses_what_is_not_a_message() -> None:
    message = Message(Code("110100", "Application Activity"), Action.EXECUTE, datetime.now(), ())
    with pytest.raises(etree.DocumentInvalid):
        read(as_xml(message, SOURCE))


def test_a_subject_says_nothing_of_itself_where_it_is_printed() -> None:
    assert repr(SUBJECT) == "Subject(...)"
