"""Whether archives let the node ask for earlier radiographs, as `[priors]` has it ask."""

from collections.abc import Iterator

from dicom_node.cli.checks.check import Check, Key, fault, ok
from dicom_node.cli.node.priors import archive_of
from dicom_node.config import Config
from dicom_node.errors import NodeError

#: Nobody has it: what is asked is whether one may ask.
_NOBODY = "CXR-NODE-ASKS-WHETHER-IT-MAY-ASK"
_DAY = "1900-01-01"
_REMEDY = "let this node's AE title, or its user, search and retrieve there (PACS)"


def archives(config: Config, *, network: bool) -> Iterator[Check]:
    """Each asked for the studies of a Patient ID that nobody has."""
    for to in config.destinations:
        if to.name not in config.priors.ask or not network:
            continue
        name = f"destination {to.name}, earlier radiographs"
        try:
            with archive_of(config, to).open() as talk:
                talk.studies(_NOBODY, _DAY, _DAY)
        except NodeError as exc:
            yield fault(name, str(exc), _REMEDY, Key("priors", "ask"))
        else:
            yield ok(name, "it may be asked for them; whether it gives them, the first will tell")
