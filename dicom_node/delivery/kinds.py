"""Kinds of destination: how results get there, and how it is confirmed that they are kept.

A further kind is a `DestinationKind`: the model of its settings, a carrier made from them and,
where it can be asked, a query or a storage commitment. What is asked when, again and until when is
the same for all (`verifying`). It is given by value, beside those of `DESTINATION_KINDS`, to
whoever reads the configuration and to the `Sender`; nothing registers itself.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from dicom_node.config import (
    AnyDestination,
    Destination,
    FhirDestination,
    Hl7Destination,
    WebDestination,
)
from dicom_node.delivery.commitment import DicomCommitment
from dicom_node.delivery.dicom import DicomCarrier
from dicom_node.delivery.dicomweb import WebCarrier
from dicom_node.delivery.fhir import FhirCarrier
from dicom_node.delivery.hl7 import Hl7Carrier
from dicom_node.delivery.offer import Offer
from dicom_node.delivery.outcome import Outcome
from dicom_node.delivery.query import DicomQuery
from dicom_node.delivery.web_query import WebQuery
from dicom_node.ledger import Delivery, Ledger
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


@runtime_checkable
class Offering(Protocol):
    """A carrier that can ask what a destination offers."""

    def offer(self) -> Offer:
        """All that can be asked before anything is sent; raises DestinationUnavailable."""


class Query(Protocol):
    """Asks one destination what it holds."""

    def held(self, deliveries: Sequence[Delivery]) -> Collection[int]:
        """Ids of those deliveries whose instance it shows; raises DestinationUnavailable, and
        NotOffered where it cannot be asked.
        """


class Commitment(Protocol):
    """Asks one destination to commit itself to keep instances, on which it reports later."""

    def request(self, transaction_uid: str, deliveries: Sequence[Delivery]) -> None:
        """Returns once it has accepted the request; raises as `Query` does.

        Its report goes to the ledger, whoever receives it.
        """


@dataclass(frozen=True, slots=True)
class DestinationKind:
    """All that makes a kind."""

    #: The model of its section of the configuration.
    settings: type[AnyDestination]
    #: Of a destination's settings, this node's AE title and the spool (for scratch files).
    carrier: Callable[[Any, str, Spool], Carrier]
    #: Of a destination's settings and this node's AE title. None: it cannot be asked.
    query: Callable[[Any, str], Query] | None = None
    #: The same, and the ledger for reports.
    commitment: Callable[[Any, str, Ledger], Commitment] | None = None


#: By the value of the key `kind` in `[[destination]]`.
DESTINATION_KINDS: Mapping[str, DestinationKind] = MappingProxyType(
    {
        "dicom": DestinationKind(Destination, DicomCarrier, DicomQuery, DicomCommitment),
        "dicomweb": DestinationKind(WebDestination, WebCarrier, WebQuery),
        "hl7": DestinationKind(Hl7Destination, Hl7Carrier),
        "fhir": DestinationKind(FhirDestination, FhirCarrier),
    }
)


def settings_of(kinds: Mapping[str, DestinationKind]) -> dict[str, type[AnyDestination]]:
    """What the configuration is to be read with."""
    return {name: kind.settings for name, kind in kinds.items()}
