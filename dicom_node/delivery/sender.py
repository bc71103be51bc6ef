"""Deliver every output to every destination, or try again.

One thread a destination, and one more where it is verified, so a dead one never holds up another.
The ledger says what is due; a message from the broker only rings the bell.
"""

import threading
from collections.abc import Mapping, Sequence

from dicom_node.audit import Trail
from dicom_node.config import AnyDestination
from dicom_node.delivery.audited import AuditedQuery, Sendings
from dicom_node.delivery.kinds import DESTINATION_KINDS, DestinationKind
from dicom_node.delivery.loop import DeliveryLoop, SilentLoop
from dicom_node.delivery.sending import Sending
from dicom_node.delivery.verifying import VerificationLoop
from dicom_node.errors import UsageError
from dicom_node.heartbeat import Heartbeat
from dicom_node.ledger import Ledger, Turns
from dicom_node.ledger.tables.priority import LONGEST_WAIT_S
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
        longest_wait_s: float = LONGEST_WAIT_S,
        trail: Trail | None = None,
    ) -> None:
        trail = trail or Trail.off()
        self._loops: list[DeliveryLoop | SilentLoop] = []
        self._verifying: list[VerificationLoop] = []
        for to in destinations:
            if to.kind not in kinds:
                raise UsageError(f"{to.name}: nothing here sends to a {to.kind!r}")
            kind, is_verified = kinds[to.kind], to.verify != "none"
            query = kind.query(to, aet) if kind.query and is_verified else None
            if query is not None and trail.is_on:
                query = AuditedQuery(query, trail, to)
            if is_verified:
                commits = kind.commitment if to.verify == "commitment" else None
                commitment = commits(to, aet, ledger) if commits else None
                self._verifying.append(VerificationLoop(to, ledger, query, commitment))
            if to.silent:
                self._loops.append(SilentLoop(to.name, heartbeat.owner, ledger))
                continue
            sending = Sending(to.name, kind.carrier(to, aet, spool), spool, query)
            sendings = Sendings(trail, to, spool)
            self._loops.append(
                DeliveryLoop(to, sending, ledger, heartbeat, Turns(longest_wait_s), sendings.sent)
            )
        self._queues = queues
        self._ledger = ledger
        self._unverified = [to.name for to in destinations if to.verify == "none"]

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop`; returns when every loop has finished what it held.

        Raises ThreadEnded where one ended before, LedgerUnavailable where that is away at first.
        """
        for name in self._unverified:
            self._ledger.verifications.waive(name, f"{name} is not verified any more")
        threads = {f"deliver {loop.name}": loop.run for loop in self._loops}
        threads |= {f"verify {loop.name}": loop.run for loop in self._verifying}
        with beside(stop, threads):
            self._queues.consume(Kind.OUTPUT, self.ring, stop)
            self.ring()

    def ring(self, _received: Received | None = None) -> None:
        """Something may be due: look now."""
        for loop in self._loops:
            loop.ring()
