"""The transaction of FHIR R4: what is told, and that its references hold."""

import json
from dataclasses import replace
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from dicom_node.handover.bundle import transaction_of
from dicom_node.handover.news import News, Standing, news_of_report
from inference.findings import Decision, Laterality
from tests.dicom_node.handover.reports import issuer, later, news, notice, report
from tests.sr_writer.examples import bare_header, findings


def read(told: News, **keys: Any) -> dict[str, Any]:
    content = transaction_of(told, **keys)
    Bundle.model_validate_json(content)
    found: dict[str, Any] = json.loads(content)
    return found


def resources(told: News, **keys: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The DiagnosticReport and the Observations: the decision, right lung, left lung."""
    report, *observations = (entry["resource"] for entry in read(told, **keys)["entry"])
    return report, observations


def test_the_report_names_patient_order_and_study_by_their_identifiers() -> None:
    universal = issuer(UniversalEntityID="1.2.3", UniversalEntityIDType="ISO")
    told = news(IssuerOfPatientIDQualifiersSequence=universal, TimezoneOffsetFromUTC="+0200")
    report, observations = resources(told)
    assert report["subject"]["identifier"] == {"system": "urn:oid:1.2.3", "value": "P1"}
    assert report["basedOn"][0]["identifier"]["value"] == "A123"
    study = {"system": "urn:dicom:uid", "value": f"urn:oid:{told.report.study_uid}"}
    assert report["imagingStudy"][0]["identifier"] == study
    assert report["effectiveDateTime"] == "2026-11-25T10:15:00+02:00"
    assert {each["subject"]["identifier"]["value"] for each in observations} == {"P1"}
    # The name is not needed to know whose it is.
    assert "Case" not in json.dumps(read(told))


def test_a_site_may_say_what_its_patient_ids_are() -> None:
    report, _ = resources(news(), patient_system="https://nowhere.example/patients")
    assert report["subject"]["identifier"]["system"] == "https://nowhere.example/patients"


@pytest.mark.parametrize(
    ("decision", "value", "flag"),
    [
        (Decision.POSITIVE, "52101004", "POS"),
        (Decision.NEGATIVE, "272519000", "NEG"),
        (Decision.UNDETERMINED, "373068000", "IND"),
    ],
)
def test_the_decision_is_coded(decision: Decision, value: str, flag: str) -> None:
    report, (found, *_) = resources(news(findings(decision)))
    assert report["status"] == found["status"] == "preliminary"
    assert found["valueCodeableConcept"]["coding"][0]["code"] == value
    assert found["interpretation"][0]["coding"][0]["code"] == flag


def test_each_lung_has_its_percentage_in_ucum() -> None:
    _, (_, right, left) = resources(news())
    assert (right["bodySite"]["text"], left["bodySite"]["text"]) == ("Right lung", "Left lung")
    assert left["valueQuantity"]["value"] == 11.4
    assert (left["valueQuantity"]["system"], left["valueQuantity"]["code"]) == (
        "http://unitsofmeasure.org",
        "%",
    )
    told = {each["code"].get("text") for each in left["component"]}
    assert "Area of opacity" in told


def test_of_a_lung_that_is_not_seen_there_is_an_observation_without_value() -> None:
    _, (_, right, left) = resources(news(findings(lungs=(Laterality.LEFT,))))
    assert "valueQuantity" in left
    assert right["dataAbsentReason"]["coding"][0]["code"] == "unknown"


def test_of_a_notice_and_of_a_bare_header_there_is_a_transaction_too() -> None:
    _, (found, *_) = resources(news_of_report(notice().content))
    assert found["note"][0]["text"] == "The pixels cannot be read."
    bare, _ = resources(news_of_report(report(dataset=bare_header()).content))
    assert "identifier" not in bare["subject"]
    assert "effectiveDateTime" not in bare


def test_what_it_refers_to_within_itself_is_there() -> None:
    bundle = read(news())
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == 4
    results = bundle["entry"][0]["resource"]["result"]
    assert [each["reference"] for each in results] == urls[1:]
    for entry in bundle["entry"]:
        identifier = entry["resource"]["identifier"][0]
        condition = f"identifier={identifier['system']}%7C{identifier['value']}"
        assert entry["request"]["url"].endswith(condition)


def test_the_same_news_give_the_same_bytes() -> None:
    assert transaction_of(news()) == transaction_of(news())


def test_a_later_issue_goes_where_the_former_is() -> None:
    first = report()
    one = read(news_of_report(first.content))
    two = read(news_of_report(later(first, findings(Decision.NEGATIVE)).content))
    requests = [[entry["request"] for entry in bundle["entry"]] for bundle in (one, two)]
    assert requests[0] == requests[1]
    assert {entry["resource"]["status"] for entry in two["entry"]} == {"corrected"}


def test_what_is_withdrawn_has_no_values_any_more() -> None:
    told = replace(news(), standing=Standing.WITHDRAWN, why="rejected: quality")
    report, observations = resources(told)
    assert report["conclusion"] == "Withdrawn: rejected: quality."
    assert {each["status"] for each in (report, *observations)} == {"entered-in-error"}
    absent = ("valueCodeableConcept", "valueQuantity", "component", "interpretation", "note")
    assert not any(key in each for each in observations for key in absent)
