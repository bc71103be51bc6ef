"""What a person saw or did by a command, for the audit trail; the node's processes tell it."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dicom_node.audit import Message, Trail
    from dicom_node.config import Config


def person_did(config: "Config", by: str, what: str) -> None:
    """What not everybody may, as `paused pacs`."""
    from dicom_node.audit import Participant, events

    trail = _trail(config)
    _keep(trail, events.restricted(Participant(by), trail.process, what))


def person_saw(config: "Config", by: str, studies: Iterable[tuple[str, str]]) -> None:
    """What the ledger knows of each (Study Instance UID, accession number): no patient's ID."""
    from dicom_node.audit import Participant, Subject, events

    trail = _trail(config)
    for study, accession_number in dict.fromkeys(studies):
        subject = Subject(study, accession_number=accession_number)
        _keep(trail, events.accessed(Participant(by), subject))


def _trail(config: "Config") -> "Trail":
    from dicom_node.audit import Trail

    return Trail(config.audit, config.node.state, config.node.aet, "command")


def _keep(trail: "Trail", message: "Message") -> None:
    try:
        trail.keep(message)
    except OSError as exc:
        # What was asked for is done, or shown, all the same.
        print(f"not in the audit trail: {exc}", file=sys.stderr)
