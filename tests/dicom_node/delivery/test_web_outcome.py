"""What each answer to a Store transaction means for the delivery."""

import json
from typing import Any

import pytest

from dicom_node.delivery.outcome import Fate
from dicom_node.delivery.outcome.web import outcome_of_status, outcome_of_word
from dicom_node.errors import DestinationAway, DestinationUnavailable
from dicom_node.web.exchange import Answer
from dicom_node.web.stow import Word, payload, word_of
from tests.dicom_node.delivery.web_archive import JSON, failed, reason_element, stored

UID = "1.2.3"

#: By HTTP status, of an answer that says nothing of the instance (PS3.18 table 10.5.3-1, RFC 9110).
TABLE = {
    200: Fate.A_FEW_TIMES,
    202: Fate.A_FEW_TIMES,
    301: DestinationAway,
    308: DestinationAway,
    400: Fate.A_FEW_TIMES,
    401: DestinationAway,
    403: Fate.AGAIN,
    404: DestinationAway,
    405: DestinationAway,
    406: DestinationAway,
    407: DestinationAway,
    408: DestinationUnavailable,
    409: Fate.A_FEW_TIMES,
    413: Fate.A_FEW_TIMES,
    415: Fate.CLASS_REFUSED,
    418: Fate.A_FEW_TIMES,
    424: Fate.AGAIN,
    429: DestinationAway,
    500: Fate.AGAIN,
    501: DestinationAway,
    502: DestinationUnavailable,
    503: DestinationAway,
    504: DestinationUnavailable,
    507: Fate.AGAIN,
    599: Fate.AGAIN,
}

#: By Failure Reason (PS3.18 table I.2-2), of an instance that failed.
FAILURES = {
    None: Fate.A_FEW_TIMES,
    0x0110: Fate.AGAIN,
    0x0124: Fate.AGAIN,
    0xA700: Fate.AGAIN,
    0xA900: Fate.A_FEW_TIMES,
    0xC000: Fate.A_FEW_TIMES,
    0x0122: Fate.CLASS_REFUSED,
    0xC122: Fate.CLASS_REFUSED,
    0x0111: Fate.DELIVERED,  # Duplicate SOP Instance
    0xB00E: Fate.DELIVERED,  # Azure: already stored
    0xB00F: Fate.A_FEW_TIMES,  # Azure: is being stored by somebody else
    0x0000: Fate.A_FEW_TIMES,  # a success that failed
    0xB000: Fate.A_FEW_TIMES,  # a warning that failed
    0x12345678: Fate.A_FEW_TIMES,
}


@pytest.mark.parametrize("status", TABLE)
def test_every_http_status_has_its_fate(status: int) -> None:
    answer = Answer(status, JSON, b"{}", wait_s=0.0)
    meant = TABLE[status]
    if isinstance(meant, Fate):
        outcome = outcome_of_status(answer, "cloud", "SR", UID)
        assert (outcome.fate, outcome.status) == (meant, None)
        assert f"HTTP {status}" in outcome.message
        return
    with pytest.raises(DestinationUnavailable, match=f"cloud: answered HTTP {status}") as raised:
        outcome_of_status(answer, "cloud", "SR", UID)
    assert type(raised.value) is meant


@pytest.mark.parametrize("reason", FAILURES)
def test_every_failure_reason_has_its_fate(reason: int | None) -> None:
    outcome = outcome_of_word(Word(is_stored=False, reason=reason), "cloud", "SR", UID)
    assert (outcome.fate, outcome.status) == (FAILURES[reason], reason)
    assert outcome.message


def test_a_reason_beside_what_is_stored_is_a_warning() -> None:
    outcome = outcome_of_word(Word(is_stored=True, reason=0xB007), "cloud", "SR", UID)
    assert (outcome.fate, outcome.status) == (Fate.DELIVERED, 0xB007)
    assert outcome.message == "Data Set Does Not Match SOP Class"
    assert outcome_of_word(Word(is_stored=True, reason=None), "cloud", "SR", UID).message == ""


XML = """<?xml version="1.0" encoding="utf-8"?>
<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">
  <DicomAttribute tag="00081190" vr="UR"><Value number="1">http://x</Value></DicomAttribute>
  <DicomAttribute tag="{sequence}" vr="SQ"><Item number="1">
    <DicomAttribute tag="00081155" vr="UI"><Value number="1">1.2.3</Value></DicomAttribute>
    <DicomAttribute tag="{reason}" vr="US"><Value number="1">45056</Value></DicomAttribute>
  </Item></DicomAttribute>
</NativeDicomModel>"""


def sequence(tag: str, *items: dict[str, Any]) -> bytes:
    return json.dumps({tag: {"vr": "SQ", "Value": list(items)}}).encode()


@pytest.mark.parametrize(
    ("body", "kind", "word"),
    [
        (stored(UID).body, JSON, Word(is_stored=True, reason=None)),
        (stored(UID, 0xB000).body, "application/json", Word(is_stored=True, reason=0xB000)),
        (failed(UID, 0xA700).body, JSON, Word(is_stored=False, reason=0xA700)),
        (failed(UID, None).body, JSON, Word(is_stored=False, reason=None)),
        # A failure that names nobody, or another, is of the only instance that was sent.
        (failed("1.2.4", 0x0110).body, JSON, Word(is_stored=False, reason=0x0110)),
        (sequence("0008119A", {"00081197": reason_element(0xC000)}), JSON,
         Word(is_stored=False, reason=0xC000)),
        # What is said of others is nothing.
        (stored("1.2.4").body, JSON, None),
        (XML.format(sequence="00081199", reason="00081196").encode(), "application/dicom+xml",
         Word(is_stored=True, reason=0xB000)),
        (XML.format(sequence="00081198", reason="00081197").encode(), "text/xml",
         Word(is_stored=False, reason=0xB000)),
        # Both: what failed is not there.
        (json.dumps(json.loads(stored(UID).body) | json.loads(failed(UID, 0x0110).body)).encode(),
         JSON, Word(is_stored=False, reason=0x0110)),
    ],
)  # fmt: skip
def test_what_is_said_of_the_instance_is_understood(
    body: bytes, kind: str, word: Word | None
) -> None:
    assert word_of(body, kind, UID) == word


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"7", b"\xff\xfe", b"[" * 100_000,
        b'{"00081199": 5}', b'{"00081199": {"Value": 5}}', b'{"00081199": {"Value": [5, null]}}',
        b'{"00081199": {"Value": [{"00081155": {"Value": []}}]}}',
        b'{"00081199": {"Value": [{"00081155": "1.2.3"}]}}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [JSON, "application/dicom+xml", "text/html", ""])
def test_what_is_no_answer_says_nothing(body: bytes, kind: str) -> None:
    assert word_of(body, kind, UID) is None


def test_entities_of_xml_do_not_grow() -> None:
    lol = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(10))
    bomb = f"<!DOCTYPE x [{lol}]><NativeDicomModel>&l9;</NativeDicomModel>"
    assert word_of(bomb.encode(), "text/xml", UID) is None


def test_no_file_ends_the_message_it_is_in() -> None:
    kind, message = payload(b"\r\n--" * 1000)
    boundary = kind.rpartition("boundary=")[2]
    assert message.count(boundary.encode()) == 2
    assert payload(b"")[0] != kind
