"""A Store transaction of one instance: its payload, and what the answer says (PS3.18 10.5)."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

#: PS3.18 10.5.3.2; who answers in XML all the same is understood.
ACCEPT = "application/dicom+json"
_JSON = ("application/dicom+json", "application/json")
_XML = ("application/dicom+xml", "application/xml", "text/xml")

#: Attributes of the Store Instances Response Module, PS3.18 Annex I.2.
_FAILED = "00081198"
_STORED = "00081199"
_OTHER_FAILURES = "0008119A"
_INSTANCE_UID = "00081155"
_WARNING_REASON = "00081196"
_FAILURE_REASON = "00081197"


@dataclass(frozen=True, slots=True)
class Word:
    """What a server says of the instance that it was sent."""

    is_stored: bool
    #: Warning Reason (0008,1196) of what is stored, Failure Reason (0008,1197) of what is not.
    reason: int | None


def payload(part10: bytes) -> tuple[str, bytes]:
    """The Content-Type of a multipart message (RFC 2387), and the message, with one file in it."""
    boundary = uuid.uuid4().hex
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    return kind, head + part10 + f"\r\n--{boundary}--\r\n".encode()


def nothing() -> tuple[str, bytes]:
    """The same with no file in it: what a server answers shows whether one may store at all."""
    boundary = uuid.uuid4().hex
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    return kind, f"--{boundary}--\r\n".encode()


def can_be_read(content_type: str) -> bool:
    """Whether it is such an answer at all, and not somebody's page."""
    return content_type in (*_JSON, *_XML)


def word_of(body: bytes, content_type: str, sop_instance_uid: str) -> Word | None:
    """What it says of that instance, the only one sent; None where it says nothing.

    A failure that names no instance can only be of this one.
    """
    try:
        said = _of_xml(body) if content_type in _XML else _of_json(json.loads(body))
    except (ValueError, RecursionError, ElementTree.ParseError):
        return None
    failures = [*said.get(_FAILED, []), *said.get(_OTHER_FAILURES, [])]
    stored = [item for item in said.get(_STORED, []) if item.get(_INSTANCE_UID) == sop_instance_uid]
    ours = [item for item in failures if item.get(_INSTANCE_UID) == sop_instance_uid]
    if failed := ours or ([] if stored else failures):
        return Word(is_stored=False, reason=_number(failed[0].get(_FAILURE_REASON)))
    if stored:
        return Word(is_stored=True, reason=_number(stored[0].get(_WARNING_REASON)))
    return None


#: Items by the tag of their sequence; the first value of each element by its tag.
_Sequences = dict[str, list[dict[str, str]]]


def _of_json(dataset: Any) -> _Sequences:
    """PS3.18 Annex F; anything may be anything."""
    if not isinstance(dataset, dict):
        return {}
    return {
        tag: [_elements(item) for item in _values(dataset.get(tag)) if isinstance(item, dict)]
        for tag in (_FAILED, _STORED, _OTHER_FAILURES)
    }


def _elements(item: dict[str, Any]) -> dict[str, str]:
    return {tag: str(values[0]) for tag, element in item.items() if (values := _values(element))}


def _values(element: Any) -> list[Any]:
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _of_xml(body: bytes) -> _Sequences:
    """PS3.19 Annex A.1. Expat bounds what entities may grow to."""
    root = ElementTree.fromstring(body)
    return {
        sequence.get("tag", "").upper(): [
            dict(_children(item)) for item in sequence.findall("{*}Item")
        ]
        for sequence in root.findall("{*}DicomAttribute")
    }


def _children(item: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for element in item.findall("{*}DicomAttribute"):
        value = element.find("{*}Value")
        if value is not None and value.text:
            yield element.get("tag", "").upper(), value.text.strip()


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None
