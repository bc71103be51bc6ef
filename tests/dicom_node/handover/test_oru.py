"""ORU^R01: what a receiver reads in it, and the structure that HL7 2.5.1 gives it (by hl7apy)."""

from dataclasses import replace
from typing import Any

import hl7
import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from dicom_node.handover.news import News, Standing, news_of_report
from dicom_node.handover.oru import Parties, message_of, read_acknowledgement
from dicom_node.handover.report import Report, read_report
from inference.findings import Decision, Laterality
from tests.dicom_node.handover.reports import issuer, later, news, notice, report
from tests.sr_writer.examples import bare_header, faint, findings, header

PARTIES = Parties("CXRNODE", "X-ray", "RIS", "Nowhere General")


def read(told: News) -> hl7.Message:
    return hl7.parse(message_of(told, PARTIES).decode("utf-8"))


def observations(message: hl7.Message) -> dict[tuple[str, str], hl7.Segment]:
    """OBX by the code and the sub-id."""
    return {(str(s(3)(1)(1)), str(s(4))): s for s in message.segments("OBX")}


# What it says


def test_the_decision_is_the_first_observation_with_its_flag() -> None:
    (positive, negative, unsure) = (
        read(news(findings(d)))
        for d in (Decision.POSITIVE, Decision.NEGATIVE, Decision.UNDETERMINED)
    )
    for message, value, flag in (
        (positive, "52101004^Present^SCT", "A"),
        (negative, "272519000^Absent^SCT", "N"),
        (unsure, "373068000^Undetermined^SCT", ""),
    ):
        first = message.segment("OBX")
        assert str(first(3)) == "840539006^COVID-19^SCT"
        assert (str(first(5)), str(first(8)), str(first(11))) == (value, flag, "P")


def test_figures_are_those_of_the_report_with_their_units() -> None:
    told = observations(read(news()))
    found = findings()
    for sub_id, percent in (
        ("Both lungs", found.infected_percent),
        ("Left lung", found.left.infected_percent),
        ("Right lung", found.right.infected_percent),
    ):
        segment = told["INFPERC", sub_id]
        assert percent is not None
        assert float(str(segment(5))) == pytest.approx(percent, abs=0.005)
        assert str(segment(6)) == "%^Percent^UCUM"
    assert str(told["111012", "Both lungs"](5)) == "97.12"
    assert str(told["42798000", "Left lung opacity"](5)) == "36.4"


def test_patient_order_and_study_are_where_a_site_looks_for_them() -> None:
    told = news(
        IssuerOfPatientID="HOSP",
        IssuerOfPatientIDQualifiersSequence=issuer(
            UniversalEntityID="1.2.3", UniversalEntityIDType="ISO"
        ),
        TimezoneOffsetFromUTC="+0200",
        AdmissionID="V7",
    )
    message = read(told)
    pid, pv1, obr = (message.segment(name) for name in ("PID", "PV1", "OBR"))
    assert str(pid(3)) == "P1^^^HOSP&1.2.3&ISO^PI"
    assert (str(pid(5)), str(pid(7)), str(pid(8))) == ("Case^Test^^^^^L^A", "19600102", "F")
    assert (str(pv1(2)), str(pv1(8)), str(pv1(19))) == ("U", "^Doctor^A", "V7")
    assert (str(obr(18)), str(obr(7)), str(obr(24))) == ("A123", "20261125101500+0200", "RAD")
    assert str(observations(message)["110180", ""](5)) == told.report.study_uid
    assert str(message.segment("MSH")(18)) == "UNICODE UTF-8"


def test_why_nothing_was_found_is_said_too() -> None:
    message = read(news_of_report(notice().content))
    assert str(observations(message)["111064", ""](5)) == "111224^Failed^DCM"
    assert str(observations(message)["121111", ""](5)) == "The pixels cannot be read."
    assert not [each for each in message.segments("OBX") if str(each(2)) == "NM"]


def test_a_name_in_three_writings_has_three_repetitions() -> None:
    name = "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce=\u3084\u307e\u3060^\u305f\u308d\u3046"
    message = read(news(SpecificCharacterSet="ISO_IR 192", PatientName=name))
    writings = [(str(each(1)), str(each(8))) for each in message.segment("PID")(5)]
    assert writings == [("Yamada", "A"), ("\u5c71\u7530", "I"), ("\u3084\u307e\u3060", "P")]


# Its form


@pytest.mark.parametrize("standing", Standing)
@pytest.mark.parametrize("decision", [Decision.POSITIVE, Decision.UNDETERMINED])
def test_it_has_the_structure_of_the_standard(decision: Decision, standing: Standing) -> None:
    told = replace(news(findings(decision), IssuerOfPatientID="HOSP"), standing=standing, why="why")
    text = message_of(told, PARTIES).decode("utf-8")
    message = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    assert message.validate()
    assert message.to_er7() == text.rstrip("\r")


@pytest.mark.parametrize(
    "told",
    [lambda: news(faint()), lambda: news(findings(lungs=(Laterality.LEFT,), spacing_mm=None))],
    ids=["faint", "one lung"],
)
def test_so_has_one_with_fewer_figures(told: object) -> None:
    assert callable(told)
    text = message_of(told(), PARTIES).decode("utf-8")
    assert parse_message(text, validation_level=VALIDATION_LEVEL.STRICT).validate()


def test_of_a_bare_header_nothing_is_made_up() -> None:
    message = read(news_of_report(report(dataset=bare_header()).content))
    assert [str(message.segment("PID")(n)) for n in (3, 5, 7, 8)] == ["", "", "", "U"]
    assert str(message.segment("OBR")(18)) == ""


HOSTILE = "A|B^C~D\\E&F\rMSH|^~\\&|\x0b\x1c\r\nZZZ|G\u00e9"


def test_hostile_text_ends_neither_field_nor_segment_nor_frame() -> None:
    original = news()
    hostile = replace(
        original.report,
        accession=HOSTILE,
        patient=replace(original.report.patient, id=HOSTILE),
        conclusion=HOSTILE,
    )
    content = message_of(replace(original, report=hostile), PARTIES)
    assert not {b"\x0b", b"\x1c", b"\n"} & {content[i : i + 1] for i in range(len(content))}
    message = hl7.parse(content.decode("utf-8"))
    assert [str(s[0]) for s in message] == [str(s[0]) for s in read(original)]
    said = "A|B^C~D\\E&F MSH|^~\\&|    ZZZ|G\u00e9"
    assert message.unescape(str(message.segment("OBR")(18))) == said
    assert message.unescape(str(message.segment("PID")(3)(1)(1))) == said
    assert message.unescape(str(observations(message)["121077", ""](5))) == said


# Which it is


def test_the_same_report_gives_the_same_bytes() -> None:
    assert message_of(news(), PARTIES) == message_of(news(), PARTIES)


def test_a_later_issue_corrects_what_was_told_under_the_same_number() -> None:
    first = report()
    one, two = (
        read(news_of_report(first.content)),
        read(news_of_report(later(first, findings(Decision.NEGATIVE)).content)),
    )
    assert str(one.segment("OBR")(3)) == str(two.segment("OBR")(3))
    assert str(one.segment("MSH")(10)) != str(two.segment("MSH")(10))
    assert (str(two.segment("OBR")(25)), str(two.segment("OBX")(11))) == ("C", "C")


@pytest.mark.parametrize(
    "change", [{"PatientID": "P2"}, {"AccessionNumber": "B"}, {"StudyInstanceUID": "1.2.3"}]
)
def test_under_another_patient_order_or_study_it_is_another_result(change: dict[str, Any]) -> None:
    assert news(**change).report.key != news().report.key


def test_padding_and_unused_parts_of_a_name_make_no_other() -> None:
    assert news(PatientName="Case^Test^^^ ").report.key == news().report.key


def test_what_is_withdrawn_has_no_values_any_more() -> None:
    message = read(replace(news(), standing=Standing.WITHDRAWN, why="rejected: quality"))
    assert str(message.segment("OBR")(25)) == "X"
    assert str(message.segment("NTE")(3)) == "Withdrawn: rejected: quality."
    told = observations(message)
    kept = {code for (code, _), segment in told.items() if len(segment) > 5 and str(segment(5))}
    assert kept == {"110180", ""}
    assert {str(segment(11)) for segment in told.values()} == {"W"}
    assert not any(str(segment(8)) for segment in told.values())


def test_what_is_read_is_a_value_that_compares() -> None:
    assert isinstance(read_report(report().content), Report)
    assert read_report(report().content) == read_report(report(dataset=header()).content)


# What is answered


@pytest.mark.parametrize(
    ("said", "code", "errors"),
    [
        ("MSA|AA|1", "AA", ()),
        ("MSA|AE|1|words\rERR|||101^missing^HL70357|E", "AE", ("101",)),
        ("MSA|AR|1\rERR|PID^1^3^204&Unknown key identifier", "AR", ()),
        ("MSA|AR|1|||| 207^internal", "AR", ("207",)),
        ("MSA|AE|1\rERR|||ANNA MEIER|E", "AE", ()),
    ],
)
def test_an_acknowledgement_is_read(said: str, code: str, errors: tuple[str, ...]) -> None:
    found = read_acknowledgement(f"MSH|^~\\&|A|B|C|D|2026||ACK|9|P|2.5.1\r{said}\r".encode())
    assert found is not None
    assert (found.code, found.control_id, found.errors) == (code, "1", errors)


@pytest.mark.parametrize("said", [b"", b"\0\xff", b"MSH|^~\\&|", b"HTTP/1.1 400 Bad Request\r\n"])
def test_what_is_none_is_none(said: bytes) -> None:
    assert read_acknowledgement(said) is None
