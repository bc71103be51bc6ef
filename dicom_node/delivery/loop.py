"""Storage SCU (PS3.4 Annex B): deliver every output to every destination, or try again.

One thread a destination, so a dead one never holds up another. The ledger says what is due; a
message from the broker only rings the bell. A destination that cannot be reached is left alone
for a while (capped exponential backoff with jitter), and when it is back everything that waited
for it is due at once.
"""

import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.events import Event

from dicom_node.delivery.outcome import Outcome, outcome_of
from dicom_node.backoff import backoff_s
from dicom_node.config import Destination
from dicom_node.errors import (
    ClassRefused,
    DestinationUnavailable,
    InvalidResult,
    LedgerUnavailable,
    Refused,
    SpoolUnavailable,
)
from dicom_node.ledger import Delivery, DeliveryState, LeaseLost, Ledger
from dicom_node.queueing import Kind, Queues, Received
from dicom_node.spool import Spool
from dicom_node.delivery.transcode import transcode

logger = logging.getLogger(__name__)

#: Outputs of one study sent in one association.
BATCH = 32
#: A delivery claimed this long ago by a sender that has not reported is anybody's again.
LEASE_S = 300.0
#: Look into the ledger this often even when nothing rings: another host's sender may have died.
POLL_S = 5.0
CONNECT_TIMEOUT_S = 10.0
RESPONSE_TIMEOUT_S = 60.0
#: Bytes; see listener.MAX_PDU_SIZE.
MAX_PDU_SIZE = 1024 * 1024
#: PS3.8 table 9-18: the abstract syntax is known, none of its transfer syntaxes is.
_NO_TRANSFER_SYNTAX = 0x04


class Sender:
    """Runs one delivery loop a destination until told to stop."""

    def __init__(
        self,
        aet: str,
        destinations: Sequence[Destination],
        spool: Spool,
        ledger: Ledger,
        queues: Queues,
        owner: str,
    ) -> None:
        # pynetdicom's switch to send a file's bytes as they are: what was verified is what leaves.
        _config.STORE_SEND_CHUNKED_DATASET = True
        self._loops = [
            DeliveryLoop(aet, destination, spool, ledger, owner) for destination in destinations
        ]
        self._queues = queues

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop`; returns when every loop has finished what it held."""
        threads = [
            threading.Thread(target=loop.run, args=(stop,), name=f"deliver {loop.name}")
            for loop in self._loops
        ]
        for thread in threads:
            thread.start()
        self._queues.consume(Kind.OUTPUT, self._ring, stop)
        for loop in self._loops:
            loop.ring()
        for thread in threads:
            thread.join()

    def _ring(self, _received: Received) -> None:
        for loop in self._loops:
            loop.ring()


class DeliveryLoop:
    """Delivers to one destination what the ledger says is due there."""

    def __init__(
        self,
        aet: str,
        destination: Destination,
        spool: Spool,
        ledger: Ledger,
        owner: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = destination.name
        self._aet = aet
        self._destination = destination
        self._profile = destination.profile
        self._spool = spool
        self._ledger = ledger
        self._owner = owner
        self._clock = clock
        self._bell = threading.Event()
        self._failures = 0  #: associations in a row that could not be had
        self._rest_until = 0.0  #: monotonic; the destination is left alone until then

    def ring(self) -> None:
        """Something may be due: look now."""
        self._bell.set()

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._bell.wait(self._rest_s())
            self._bell.clear()
            if time.monotonic() < self._rest_until:
                stop.wait(self._rest_until - time.monotonic())
                continue
            try:
                while not stop.is_set() and self.deliver_due():
                    pass
            except (LedgerUnavailable, SpoolUnavailable) as exc:
                logger.warning("could not deliver", extra=self._extra() | {"reason": str(exc)})
                stop.wait(POLL_S)
            except Exception:
                # A bug in one delivery must not end all: its lease expires, the others go on.
                logger.exception("failed to deliver", extra=self._extra())
                stop.wait(POLL_S)

    def deliver_due(self) -> bool:
        """Send what is due of one study; False when nothing was, or the destination is away."""
        batch = self._ledger.claim_deliveries(self.name, self._owner, LEASE_S, BATCH)
        if not batch:
            return False
        started = time.monotonic()
        outcomes = self._send(batch)
        for delivery, outcome in zip(batch, outcomes, strict=True):
            try:
                self._record(delivery, outcome)
            except LeaseLost as exc:
                # It took longer than the lease: whoever has it now sends the same instance again.
                logger.warning("lost the lease", extra=self._extra() | {"reason": str(exc)})
        self._judge_destination(outcomes)
        extra = {"study_instance_uid": batch[0].study_instance_uid, "outputs": len(batch)}
        seconds = {"duration_ms": 1000 * (time.monotonic() - started)}
        stored = sum(outcome.error is None for outcome in outcomes)
        logger.info("sent", extra=self._extra() | extra | {"stored": stored} | seconds)
        return self._failures == 0

    def _send(self, batch: Sequence[Delivery]) -> list[Outcome]:
        """One association for the batch, proposing just what it needs.

        Each transfer syntax in a presentation context of its own: the destination would choose one
        of several itself, and perhaps not the one the file is in.
        """
        ae = AE(ae_title=self._aet)
        ae.connection_timeout = CONNECT_TIMEOUT_S
        ae.acse_timeout = CONNECT_TIMEOUT_S
        ae.dimse_timeout = RESPONSE_TIMEOUT_S
        ae.network_timeout = RESPONSE_TIMEOUT_S
        for sop_class_uid, role in dict.fromkeys((d.sop_class_uid, d.role) for d in batch):
            for syntax in self._profile.syntaxes_for(role):
                ae.add_requested_context(sop_class_uid, syntax)
        to = self._destination
        handlers = [(evt.EVT_CONN_OPEN, _send_at_once)]
        association = ae.associate(
            to.host, to.port, ae_title=to.aet, max_pdu=MAX_PDU_SIZE, evt_handlers=handlers
        )
        # pynetdicom itself aborts an association in which nothing at all was accepted.
        if not association.is_established and not association.rejected_contexts:
            away = DestinationUnavailable(f"{self.name}: {_why_not(association)}")
            return [Outcome(None, away)] * len(batch)
        try:
            return [self._store(association, delivery) for delivery in batch]
        finally:
            if association.is_established:
                association.release()

    def _store(self, association: Association, delivery: Delivery) -> Outcome:
        uid = delivery.sop_instance_uid
        syntax = self._accepted_syntax(association, delivery)
        if syntax is None:
            return Outcome(None, ClassRefused(self._why_not_accepted(association, delivery)))
        if not association.is_established:
            return Outcome(None, DestinationUnavailable(f"{self.name}: association lost"))
        try:
            with self._file(delivery, syntax) as path:
                answer = association.send_c_store(path)
        except InvalidResult as exc:
            return Outcome(None, Refused(f"{self.name}: {exc}"))
        except OSError as exc:
            raise SpoolUnavailable(f"{uid}: {exc.strerror or exc}") from exc
        except RuntimeError as exc:
            # pynetdicom: the association ended between our look and the send.
            return Outcome(None, DestinationUnavailable(f"{self.name}: {exc}"))
        if "Status" not in answer:
            error = DestinationUnavailable(f"{self.name}: no answer for {delivery.role} {uid}")
            return Outcome(None, error)
        return outcome_of(int(answer.Status), self.name, delivery.role, uid)

    def _accepted_syntax(self, association: Association, delivery: Delivery) -> str | None:
        """The best liked of those that the destination takes for this output."""
        accepted = {
            (cx.abstract_syntax, *cx.transfer_syntax) for cx in association.accepted_contexts
        }
        wanted = self._profile.syntaxes_for(delivery.role)
        return next((uid for uid in wanted if (delivery.sop_class_uid, uid) in accepted), None)

    def _why_not_accepted(self, association: Association, delivery: Delivery) -> str:
        why = f"{self.name} does not accept {delivery.role}"
        known = any(
            cx.abstract_syntax == delivery.sop_class_uid and cx.result == _NO_TRANSFER_SYNTAX
            for cx in association.rejected_contexts
        )
        return f"{why} in any transfer syntax offered" if known else why

    @contextmanager
    def _file(self, delivery: Delivery, syntax: str) -> Iterator[Path]:
        """The output's own file, byte for byte, unless it is to go in another transfer syntax."""
        if syntax == delivery.transfer_syntax_uid:
            yield self._spool.resolve(delivery.path)
            return
        with self._spool.scratch(transcode(self._spool.read(delivery.path), syntax)) as path:
            yield path

    def _record(self, delivery: Delivery, outcome: Outcome) -> None:
        if outcome.error is None:
            assert outcome.status is not None
            self._ledger.delivered(delivery.id, self._owner, outcome.status)
            return
        extra = self._extra() | {
            "role": delivery.role,
            "sop_instance_uid": delivery.sop_instance_uid,
            "reason": str(outcome.error),
        }
        if isinstance(outcome.error, Refused):
            self._record_refusal(delivery, outcome.status, outcome.error, extra)
            return
        wait_s = backoff_s(delivery.attempts, random.random())
        logger.warning("will try again", extra=extra | {"in_s": wait_s})
        retry_at = self._clock() + timedelta(seconds=wait_s)
        self._ledger.retry(delivery.id, self._owner, outcome.status, str(outcome.error), retry_at)

    def _record_refusal(
        self, delivery: Delivery, status: int | None, error: Refused, extra: dict[str, object]
    ) -> None:
        of_class = isinstance(error, ClassRefused)
        instead = self._profile.instead_of(delivery.role) if of_class else None
        state = self._ledger.refused(delivery.id, self._owner, status, str(error), instead)
        if state is DeliveryState.SUBSTITUTED:
            logger.warning("sends the next best", extra=extra | {"instead": instead})
        else:
            logger.error("was refused for good", extra=extra)

    def _judge_destination(self, outcomes: Sequence[Outcome]) -> None:
        """Rest after an association that could not be had; after an outage all is due at once."""
        answered = any(outcome.status is not None for outcome in outcomes)
        refused = any(isinstance(outcome.error, Refused) for outcome in outcomes)
        if answered or refused:
            if self._failures:
                self._ledger.make_due(self.name)
                logger.info("reached again", extra=self._extra())
            self._failures = 0
            return
        self._failures += 1
        self._rest_until = time.monotonic() + backoff_s(self._failures, random.random())

    def _rest_s(self) -> float:
        """Until the next look: when something becomes due, or the poll interval."""
        try:
            due = self._ledger.next_due(self.name)
        except LedgerUnavailable:
            return POLL_S
        if due is None:
            return POLL_S
        return min(POLL_S, max(0.0, (due - self._clock()).total_seconds()))

    def _extra(self) -> dict[str, object]:
        return {"destination": self.name}


def _send_at_once(event: Event) -> None:
    """Without Nagle's algorithm: a small data set would wait 40 ms for a delayed ACK."""
    event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _why_not(association: Association) -> str:
    if association.is_rejected:
        primitive = association.acceptor.primitive
        return f"association rejected ({primitive.result_str}: {primitive.reason_str})"
    return "association aborted" if association.is_aborted else "no connection"
