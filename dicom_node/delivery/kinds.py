"""Kinds of destination: how results get there.

A further kind is a `DestinationKind`: the model of its settings, and a carrier made from them. It
is given by value, beside those of `DESTINATION_KINDS`, to whoever reads the configuration and to
the `Sender`; nothing registers itself.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from dicom_node.config import AnyDestination, Destination
from dicom_node.delivery.dicom import DicomCarrier
from dicom_node.delivery.outcome import Outcome
from dicom_node.ledger import Delivery
from dicom_node.spool import Spool


class Channel(Protocol):
    """A way to a destination that is open, for outputs of one study."""

    @property
    def has_ended(self) -> bool:
        """Whether the destination has closed it."""

    def send(self, delivery: Delivery, content: bytes) -> Outcome:
        """What became of an output, of which `content` is the whole Part 10 file, verified.

        Raises DestinationUnavailable where the channel was lost, which concerns the others too.
        """


class Carrier(Protocol):
    """Brings outputs to one destination."""

    def open(self, deliveries: Sequence[Delivery]) -> AbstractContextManager[Channel]:
        """A channel for these; raises DestinationUnavailable with the reason."""

    def test(self) -> str:
        """Ask whether it is there: what it answered; raises DestinationUnavailable."""


@dataclass(frozen=True, slots=True)
class DestinationKind:
    """All that makes a kind."""

    #: The model of its section of the configuration.
    settings: type[AnyDestination]
    #: Of a destination's settings, this node's AE title and the spool (for scratch files).
    carrier: Callable[[Any, str, Spool], Carrier]


#: By the value of the key `kind` in `[[destination]]`.
DESTINATION_KINDS: Mapping[str, DestinationKind] = MappingProxyType(
    {"dicom": DestinationKind(Destination, DicomCarrier)}
)


def settings_of(kinds: Mapping[str, DestinationKind]) -> dict[str, type[AnyDestination]]:
    """What the configuration is to be read with."""
    return {name: kind.settings for name, kind in kinds.items()}
