"""Storage SCU (PS3.4 Annex B): deliver every output to every destination, or try again.

One thread a destination, so a dead one never holds up another. The ledger says what is due; a
message from the broker only rings the bell.
"""

import threading
from collections.abc import Sequence

from dicom_node.config import AnyDestination, Destination
from dicom_node.delivery.loop import DeliveryLoop
from dicom_node.delivery.sending import Sending
from dicom_node.errors import UsageError
from dicom_node.ledger import Ledger
from dicom_node.queueing import Kind, Queues, Received
from dicom_node.spool import Spool
from dicom_node.threads import beside


class Sender:
    """Runs one delivery loop a destination until told to stop."""

    def __init__(
        self,
        aet: str,
        destinations: Sequence[AnyDestination],
        spool: Spool,
        ledger: Ledger,
        queues: Queues,
        owner: str,
    ) -> None:
        self._loops = [
            DeliveryLoop(destination, _sending(aet, destination, spool), ledger, owner)
            for destination in destinations
        ]
        self._queues = queues

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop`; returns when every loop has finished what it held.

        Raises ThreadEnded where one ended before.
        """
        with beside(stop, {f"deliver {loop.name}": loop.run for loop in self._loops}):
            self._queues.consume(Kind.OUTPUT, self._ring, stop)
            self._ring()

    def _ring(self, _received: Received | None = None) -> None:
        for loop in self._loops:
            loop.ring()


def _sending(aet: str, destination: AnyDestination, spool: Spool) -> Sending:
    if isinstance(destination, Destination):
        return Sending(aet, destination, spool)
    raise UsageError(f"{destination.name}: nothing here sends to a {destination.kind!r}")
