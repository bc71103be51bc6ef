"""A DICOMweb server that is asked for earlier radiographs: what each answer of it means."""

import json
from collections.abc import Callable

import pytest

from dicom_node.errors import (
    DestinationAway,
    DestinationUnavailable,
    NodeError,
    NotOffered,
    NotRetrieved,
)
from dicom_node.retrieval.archive import ImageMatch
from dicom_node.retrieval.web import WebArchive as Asking
from tests.dicom_node.delivery.web_archive import Answer, Reply, Request, at, web_archive

IMAGE = ImageMatch("1.2", "1.3", "1.2.840.10008.5.1.4.1.1.1", "1.4")
RELATED = 'multipart/related; type="application/dicom"; boundary=b'
FILE = b"\0" * 128 + b"DICM\r\n\r\n--c\r\n" + bytes(range(256))
PART = b"--b\r\nContent-Type: application/dicom\r\nHost: x\r\n\r\n" + FILE + b"\r\n--b--"


def fetch(answer: Answer, largest: int = 10_000) -> bytes:
    with web_archive() as server:
        server.answer = answer
        with Asking(at(server), "CXRNODE", largest).open() as talk:
            content = talk.fetch(IMAGE)
        (request,) = server.requests
    assert request.path == "/dicom-web/studies/1.2/series/1.3/instances/1.4"
    assert request.headers["Accept"].endswith("transfer-syntax=*")
    return content


def replies(reply: Reply) -> Callable[[Request], Reply]:
    return lambda _: reply


@pytest.mark.parametrize("body", [PART, b"\r\n" + PART, PART + b"\r\nepilogue"],
                         ids=["plain", "after a line", "with an epilogue"])  # fmt: skip
def test_the_file_in_a_part_is_what_was_kept(body: bytes) -> None:
    assert fetch(replies(Reply(200, body, RELATED))) == FILE


def test_a_file_without_a_multipart_message_is_taken_too() -> None:
    assert fetch(replies(Reply(200, FILE, "application/dicom"))) == FILE


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        (Reply(404), NotRetrieved, "HTTP 404 Not Found"),
        (Reply(406), NotRetrieved, "HTTP 406 Not Acceptable"),
        (Reply(200, b"<html>", "text/html"), NotRetrieved, "with no DICOM file"),
        (Reply(200, PART[:-8], RELATED), NotRetrieved, "with no DICOM file"),
        (Reply(200, b"", RELATED), NotRetrieved, "with no DICOM file"),
        (Reply(503, headers={"Retry-After": "7"}), DestinationAway, "HTTP 503"),
        (Reply(401), DestinationAway, "secret"),
        (Reply(500), DestinationUnavailable, "HTTP 500"),
        (Reply(200, b"x" * 20_000, RELATED), DestinationUnavailable, "longer than 10000 bytes"),
    ],
    ids=["gone", "not so", "a page", "cut off", "empty", "busy", "unknown", "broken", "too large"],
)
def test_what_is_no_file_is_said(reply: Reply, error: type[NodeError], said: str) -> None:
    with pytest.raises(error, match=said):
        fetch(replies(reply))


def element(vr: str, *values: object) -> dict[str, object]:
    return {"vr": vr, "Value": list(values)}


def searched(*answers: object) -> tuple[Answer, list[str]]:
    """Answers to one search after another, and what was asked."""
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.path)
        return Reply(200, json.dumps(answers[len(asked) - 1]).encode())

    return answer, asked


def test_it_is_asked_by_patient_and_days_then_for_series_and_what_they_hold() -> None:
    study = {"0020000D": element("UI", "1.2"), "00080020": element("DA", "20260302"),
             "00100020": element("LO", "A & B"), "00080061": element("CS", "CR", "SR")}  # fmt: skip
    series = [{"0020000E": element("UI", "1.3"), "00080060": element("CS", "CR")},
              {"0020000E": element("UI", "1.9"), "00080060": element("CS", "SR")}]  # fmt: skip
    image = {"00080018": element("UI", "1.4"), "00080016": element("UI", IMAGE.sop_class_uid)}
    answer, asked = searched([study], series, [image])
    with web_archive() as server:
        server.answer = answer
        with Asking(at(server), "CXRNODE", 1).open() as talk:
            (match,) = talk.studies("A & B", "2026-02-01", "2026-03-04")
            assert (match.study_instance_uid, match.date) == ("1.2", "2026-03-02")
            assert match.modalities == {"CR", "SR"}
            assert talk.images(match) == [IMAGE]
    assert asked[0].startswith("/dicom-web/studies?PatientID=A+%26+B&StudyDate=20260201-20260304&")
    assert [one.partition("?")[0] for one in asked[1:]] == [
        "/dicom-web/studies/1.2/series",
        "/dicom-web/studies/1.2/series/1.3/instances",
    ]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(403), NotOffered),
        (Reply(501), NotOffered),
        (Reply(200, b"<html>"), NotOffered),
        (Reply(200, b'[{"00080020": 5}]'), DestinationUnavailable),
        (Reply(500), DestinationUnavailable),
    ],
    ids=["not for us", "no search", "a page", "odd", "broken"],
)
def test_a_search_that_is_none_is_said(reply: Reply, error: type[NodeError]) -> None:
    with web_archive() as server:
        server.answer = replies(reply)
        with Asking(at(server), "CXRNODE", 1).open() as talk, pytest.raises(error):
            talk.studies("A", "2026-02-01", "2026-03-04")


def test_where_nothing_is_found_there_is_nothing() -> None:
    with web_archive() as server:
        server.answer = replies(Reply(204))
        with Asking(at(server), "CXRNODE", 1).open() as talk:
            assert talk.studies("A", "2026-02-01", "2026-03-04") == []
