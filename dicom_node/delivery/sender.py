"""Deliver every output to every destination, or try again.

One thread a destination, so a dead one never holds up another. The ledger says what is due; a
message from the broker only rings the bell.
"""

import threading
from collections.abc import Mapping, Sequence

from dicom_node.config import AnyDestination
from dicom_node.delivery.kinds import DESTINATION_KINDS, DestinationKind
from dicom_node.delivery.loop import DeliveryLoop
from dicom_node.delivery.sending import Sending
from dicom_node.errors import UsageError
from dicom_node.heartbeat import Heartbeat
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
        heartbeat: Heartbeat,
        kinds: Mapping[str, DestinationKind] = DESTINATION_KINDS,
    ) -> None:
        self._loops = []
        for to in destinations:
            if to.kind not in kinds:
                raise UsageError(f"{to.name}: nothing here sends to a {to.kind!r}")
            sending = Sending(to.name, kinds[to.kind].carrier(to, aet, spool), spool)
            self._loops.append(DeliveryLoop(to, sending, ledger, heartbeat))
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
