"""Headers that hold anything: a message all the same, or a refusal that quotes nothing of them."""

import json
from typing import Any

import hl7
import pytest
from fhir.resources.R4B.bundle import Bundle

from dicom_node.handover.bundle import transaction_of
from dicom_node.handover.oru import Parties, message_of
from tests.dicom_node.handover.reports import issuer, news

PARTIES = Parties("CXRNODE", "", "", "")

HEADERS: list[dict[str, Any]] = [
    {"PatientID": "P\x0b1\x1c\r\nMSH|", "AccessionNumber": "\x00A\x07"},
    {"PatientID": " ", "AccessionNumber": " ", "StudyDate": "", "StudyTime": ""},
    {"PatientName": "^^^^=^=", "ReferringPhysicianName": "A^B\\C^D"},
    {"PatientName": "A^B^C^D^E^F^G=H=I=J"},
    {"StudyTime": "1015"},
    {"TimezoneOffsetFromUTC": "+9959"},
    {"TimezoneOffsetFromUTC": "nowhere"},
    {"PatientSex": "?", "IssuerOfPatientID": "A&B^C~D"},
    {"IssuerOfPatientIDQualifiersSequence": issuer(UniversalEntityID="a b|c")},
    {
        "IssuerOfPatientIDQualifiersSequence": issuer(
            UniversalEntityID="not a uuid", UniversalEntityIDType="UUID"
        )
    },
    {"IssuerOfPatientIDQualifiersSequence": []},
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("attributes", HEADERS, ids=[str(n) for n in range(len(HEADERS))])
def test_a_header_that_holds_anything_makes_both(attributes: dict[str, Any]) -> None:
    told = news(**attributes)
    message = message_of(told, PARTIES)
    assert not set(b"\x00\x07\x0b\x1c\n") & set(message)
    names = [str(segment[0]) for segment in hl7.parse(message.decode("utf-8"))]
    assert (names[:5], names.count("MSH")) == (["MSH", "PID", "PV1", "ORC", "OBR"], 1)
    transaction = transaction_of(told)
    Bundle.model_validate_json(transaction)
    (report, *_) = json.loads(transaction)["entry"]
    system = report["resource"]["subject"].get("identifier", {}).get("system")
    assert system is None


@pytest.mark.parametrize(
    ("name", "kind", "system"),
    [
        ("1.2.3", "ISO", "urn:oid:1.2.3"),
        ("1.2.3", "", "urn:oid:1.2.3"),
        ("0A0A0A0A-0000-4000-8000-000000000000", "UUID",
         "urn:uuid:0a0a0a0a-0000-4000-8000-000000000000"),
        ("https://nowhere.example/p", "URI", "https://nowhere.example/p"),
        ("nowhere.example", "DNS", None),
    ],
)  # fmt: skip
def test_an_issuer_that_is_universal_is_the_system(
    name: str, kind: str, system: str | None
) -> None:
    keys = {"UniversalEntityID": name} | ({"UniversalEntityIDType": kind} if kind else {})
    transaction = transaction_of(news(IssuerOfPatientIDQualifiersSequence=issuer(**keys)))
    report = json.loads(transaction)["entry"][0]["resource"]
    assert report["subject"]["identifier"].get("system") == system
