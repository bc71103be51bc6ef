"""Audit messages as their receivers read them: valid by the schema of PS3.15 A.5.1.1."""

from base64 import b64decode
from pathlib import Path

from lxml import etree

_SCHEMA = etree.RelaxNG(etree.parse(Path(__file__).parent / "audit_message.rng"))


def read(xml: str) -> "etree._Element":
    root = etree.fromstring(xml)
    _SCHEMA.assertValid(root)
    return root


def event_of(root: "etree._Element") -> tuple[str, str]:
    """Meaning of the Event ID and, "" where there is none, of the Event Type Code."""
    said = root.xpath("EventIdentification/EventID/@originalText")
    kind = root.xpath("EventIdentification/EventTypeCode/@originalText")
    return str(said[0]), str(kind[0]) if kind else ""


def things(root: "etree._Element") -> dict[str, str]:
    """What it was done to: id by the meaning of its type."""
    return {
        str(one.xpath("ParticipantObjectIDTypeCode/@originalText")[0]): one.get(
            "ParticipantObjectID", ""
        )
        for one in root.iterfind("ParticipantObjectIdentification")
    }


def users(root: "etree._Element") -> dict[str, str]:
    """Who took part: role ("" where none) by user id."""
    return {
        one.get("UserID", ""): "".join(map(str, one.xpath("RoleIDCode/@originalText")))
        for one in root.iterfind("ActiveParticipant")
    }


def detail(root: "etree._Element", kind: str) -> str:
    (value,) = root.xpath(f"//ParticipantObjectDetail[@type='{kind}']/@value")
    return b64decode(str(value)).decode()
