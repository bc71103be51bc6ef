"""`[priors]`: whom a node may ask for earlier radiographs, and what contradicts that."""

from typing import Any

import pytest

from dicom_node.config import Config, parse
from dicom_node.errors import ConfigError

PACS = {"name": "pacs", "aet": "PACS", "host": "127.0.0.1", "port": 104}
WEB = {"name": "web", "kind": "dicomweb", "stow": "https://pacs.example/studies"}
HL7 = {"name": "ris", "kind": "hl7", "host": "127.0.0.1", "port": 2575}


def of(**priors: Any) -> Config:
    destinations = [PACS, WEB, HL7]
    return parse({"node": {"state": "/s"}, "priors": priors, "destination": destinations})


def test_nobody_is_asked_unless_that_is_said() -> None:
    assert of(days=30).priors.ask == ()


def test_archives_of_both_kinds_may_be_asked() -> None:
    assert of(days=30, ask=["pacs", "web"], send=True).priors.ask == ("pacs", "web")


@pytest.mark.parametrize(
    ("priors", "fault"),
    [
        ({"ask": ["pacs"]}, "[priors] ask is of no use without days"),
        ({"days": 30, "send": True}, "[priors] send is of no use without ask"),
        ({"days": 30, "ask": ["pasc"]}, "[priors] ask names 'pasc', which is no [[destination]]"),
        ({"days": 30, "ask": ["ris"]},
         "[priors] ask names 'ris': a destination of the kind 'hl7' has no images"),
    ],
    ids=["without days", "send alone", "misspelt", "no archive"],
)  # fmt: skip
def test_what_cannot_be_is_said(priors: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError) as raised:
        of(**priors)
    assert raised.value.faults == [fault]
