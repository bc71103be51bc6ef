"""What is due at one destination, again and again.

A destination that cannot be reached is left alone for a while (capped exponential backoff with
jitter), and when it is back everything that waited for it is due at once. That it rests, or that a
person has paused it, is kept in the ledger: it gives out nothing for it then.
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from dicom_node.backoff import Retry, backoff_s
from dicom_node.config import AnyDestination
from dicom_node.delivery.outcome import Fate, Outcome
from dicom_node.delivery.sending import Batch, Sending
from dicom_node.errors import LedgerUnavailable
from dicom_node.heartbeat import Heartbeat
from dicom_node.ledger import (
    REJECTION_NOTE,
    Delivery,
    DeliveryState,
    LeaseLost,
    Ledger,
    Turns,
    Verify,
)
from dicom_node.ledger.work.workers import LEASE_S
from dicom_node.logs import bound

logger = logging.getLogger(__name__)

#: Outputs of one study sent in one association.
BATCH = 32
#: Look into the ledger this often even when nothing rings: another host's sender may have died, or
#: a person have resumed a destination.
POLL_S = 2.0
#: Seconds after sending that a destination is first asked whether it keeps it: an archive indexes,
#: and the results of one study come together.
SETTLE_S = 2.0
#: How often an output is sent to a destination that declines it with a status of failure. Some
#: archives answer 0xC000 to anything, a busy database included; the waits between make minutes.
DECLINED_TRIES = 5
#: Seconds that a destination is left alone that takes associations and then breaks them off: its
#: outputs wait each for its own next attempt, others may get through.
_LOST_REST_S = 5.0


class DeliveryLoop:
    """Delivers to one destination what the ledger says is due there."""

    def __init__(
        self,
        destination: AnyDestination,
        sending: Sending,
        ledger: Ledger,
        heartbeat: Heartbeat,
        turns: Turns | None = None,
        sent: Callable[[Batch], None] = lambda _: None,
    ) -> None:
        """`sent`: told of each batch, once all of it has an outcome."""
        self.name = destination.name
        self._turns = turns or Turns()
        self._profile = destination.profile
        self._give_up_after_s = 24 * 3600.0 * destination.give_up_days
        self._verify = (
            None if destination.verify == "none" else Verify(SETTLE_S, destination.verify_within_s)
        )
        self._sending = sending
        self._sent = sent
        self._ledger = ledger
        self._heartbeat = heartbeat
        self._owner = heartbeat.owner
        self._hand = heartbeat.deliveries()
        self._bell = threading.Event()
        self._was_lost = False  #: the answer to the last claim
        #: What was sent and is not in the ledger yet, because that was away.
        self._unrecorded: deque[tuple[Delivery, Outcome]] = deque()

    def ring(self) -> None:
        """Something may be due: look now."""
        self._bell.set()

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop`; nothing that happens in one turn ends it."""
        while not stop.is_set():
            try:
                self._turn(stop)
            except LedgerUnavailable as exc:
                logger.warning("could not deliver", extra=self._extra() | {"reason": str(exc)})
                stop.wait(POLL_S)
            except Exception:
                # A bug in one delivery must not end all: its lease expires, the others go on.
                logger.exception("failed to deliver", extra=self._extra())
                stop.wait(POLL_S)

    def deliver_due(self) -> bool:
        """Send what is due of one study; False when nothing was, or it is to be left alone."""
        self._record_all()
        claimed = self._claim()
        if not claimed:
            return False
        self._hand.take([each.id for each in claimed])
        with bound(destination=self.name, **_shared_ids(claimed)):
            return self._deliver(claimed)

    def _deliver(self, claimed: list[Delivery]) -> bool:
        started = time.monotonic()
        # Where it was taken from us, by whoever held us for dead, that one sends the rest.
        try:
            batch = self._sending.send(claimed, is_ours=lambda: self._heartbeat.stands(self._hand))
        except Exception:
            # In hand, their leases would be renewed for ever.
            for each in claimed:
                self._hand.let_go(each.id)
            raise
        self._log_sent(batch, time.monotonic() - started)
        self._sent(batch)
        self._unrecorded.extend((each, batch.outcomes[each.id]) for each in claimed)
        self._record_all()
        if any(outcome.fate is Fate.AGAIN for outcome in batch.outcomes.values()):
            self._give_up()
        return self._judge_destination(batch)

    def _claim(self) -> list[Delivery]:
        """What this loop holds is recorded by now: whatever else it holds, it was not told of."""
        was_lost, self._was_lost = self._was_lost, True
        claimed = self._ledger.deliveries.claim(
            self.name, self._owner, LEASE_S, BATCH, self._turns, is_repeated=was_lost
        )
        self._was_lost = False
        return claimed

    def _turn(self, stop: threading.Event) -> None:
        self._bell.wait(self._wait_s())
        self._bell.clear()
        while not stop.is_set() and self.deliver_due():
            pass

    def _record_all(self) -> None:
        """Raises LedgerUnavailable; what is left is recorded when the ledger is back."""
        while self._unrecorded:
            delivery, outcome = self._unrecorded[0]
            try:
                with bound(job_id=delivery.job_id, delivery_id=delivery.id):
                    self._record(delivery, outcome)
            except LedgerUnavailable:
                raise
            except LeaseLost as exc:
                # It took longer than the lease: whoever has it now sends the same instance again.
                logger.warning("lost the lease", extra=self._extra() | {"reason": str(exc)})
            except Exception:
                extra = self._extra() | _ids(delivery)
                logger.exception("failed to record a delivery", extra=extra)
            self._unrecorded.popleft()
            self._hand.let_go(delivery.id)

    def _record(self, delivery: Delivery, outcome: Outcome) -> None:
        match outcome.fate:
            case Fate.DELIVERED:
                self._record_arrival(delivery, outcome)
            case Fate.AGAIN:
                self._record_retry(delivery, outcome, backoff_s(delivery.attempts, random.random()))
            case Fate.A_FEW_TIMES:
                self._record_declined(delivery, outcome)
            case Fate.REFUSED | Fate.CLASS_REFUSED:
                self._record_refusal(delivery, outcome)
            case Fate.DAMAGED:
                self._record_damage(delivery, outcome)

    def _record_arrival(self, delivery: Delivery, outcome: Outcome) -> None:
        # Archives act on a rejection note and may hide it: nobody could say that it is there.
        verify = None if delivery.role == REJECTION_NOTE else self._verify
        self._ledger.deliveries.delivered(
            delivery.id, self._owner, outcome.status, outcome.message, verify
        )
        if outcome.status:
            extra = self._extra(delivery, outcome) | {"status": f"{outcome.status:#06x}"}
            logger.warning("was stored with a warning", extra=extra)

    def _record_retry(
        self, delivery: Delivery, outcome: Outcome, wait_s: float, *, declined: bool = False
    ) -> None:
        retry = Retry(outcome.message, wait_s)
        logger.warning("will try again", extra=self._extra(delivery) | retry.extra)
        self._ledger.deliveries.retry(
            delivery.id, self._owner, outcome.status, retry.reason,
            retry.due_at(self._ledger.now()), declined=declined, in_doubt=outcome.in_doubt,
        )  # fmt: skip

    def _record_declined(self, delivery: Delivery, outcome: Outcome) -> None:
        tries = 1 + self._ledger.deliveries.times_declined(delivery.id)
        if tries >= DECLINED_TRIES:
            self._record_refusal(delivery, outcome)
            return
        # Four times as long after each: 3 s, 12 s, 48 s, 3 min.
        wait_s = backoff_s(2 * tries - 1, random.random(), base_s=4.0)
        self._record_retry(delivery, outcome, wait_s, declined=True)

    def _record_refusal(self, delivery: Delivery, outcome: Outcome) -> None:
        of_class = outcome.fate is Fate.CLASS_REFUSED
        instead = self._profile.instead_of(delivery.role) if of_class else None
        state = self._ledger.deliveries.refused(
            delivery.id, self._owner, outcome.status, outcome.message, instead, outcome.trace
        )
        extra = self._extra(delivery, outcome)
        if state is DeliveryState.SUBSTITUTED:
            logger.warning("sends the next best", extra=extra | {"instead": instead})
        else:
            logger.error("was refused for good", extra=extra)

    def _record_damage(self, delivery: Delivery, outcome: Outcome) -> None:
        state = self._ledger.repairs.damaged(delivery.id, self._owner, outcome.message)
        extra = self._extra(delivery, outcome)
        if state is DeliveryState.DAMAGED:
            logger.warning("has an output built again", extra=extra)
        else:
            logger.error("cannot be delivered", extra=extra)

    def _give_up(self) -> None:
        """What it could not be brought for too long: a person may ask for it again."""
        if given_up := self._ledger.deliveries.give_up(self.name, self._give_up_after_s):
            extra = self._extra() | {"deliveries": len(given_up)}
            logger.error("given up, as it could not be delivered for so long", extra=extra)

    def _log_sent(self, batch: Batch, seconds: float) -> None:
        """Of what was sent: nothing is said here of a destination that was not there."""
        if not batch.answers:
            return
        stored = sum(answer.fate is Fate.DELIVERED for answer in batch.answers)
        extra = {
            "outputs": len(batch.answers),
            "stored": stored,
            "duration_ms": 1000 * seconds,
        }
        logger.info("sent", extra=self._extra() | extra)

    def _judge_destination(self, batch: Batch) -> bool:
        """Rest after a failure to reach it, False; after an outage all is due at once."""
        breakers = self._ledger.breakers
        if not batch.was_reached:
            failures = breakers.of(self.name).failures + 1
            rest_s = max(batch.wait_s, backoff_s(failures, random.random()))
            breakers.unreachable(self.name, self._owner, batch.error, rest_s)
            return False
        if batch.wait_s or (batch.was_lost and not batch.answers):
            breakers.rest(self.name, batch.error, max(batch.wait_s, _LOST_REST_S))
            return False
        if breakers.reached(self.name, self._owner):
            self._ledger.deliveries.make_due(self.name)
            logger.info("reached again", extra=self._extra())
        return True

    def _wait_s(self) -> float:
        """Until the next look: when something becomes due, or the poll interval."""
        due = self._ledger.deliveries.next_due(self.name)
        if due is None:
            return POLL_S
        return min(POLL_S, max(0.0, (due - self._ledger.now()).total_seconds()))

    def _extra(
        self, delivery: Delivery | None = None, outcome: Outcome | None = None
    ) -> dict[str, object]:
        extra: dict[str, object] = {"destination": self.name}
        if delivery:
            extra |= _ids(delivery)
        return extra | {"reason": outcome.message} if outcome else extra


class SilentLoop:
    """In place of the other where the destination is silent: holds what waits, and sends nothing.

    What is built meanwhile is held from the start; this is for what waited when silence began, for
    rejection notes, and for what a person moves there.
    """

    def __init__(self, name: str, owner: str, ledger: Ledger) -> None:
        self.name = name
        self._owner = owner
        self._ledger = ledger

    def run(self, stop: threading.Event) -> None:
        """Hold until `stop`."""
        logger.warning("silent: nothing is sent", extra={"destination": self.name})
        while not stop.is_set():
            try:
                if held := self._ledger.deliveries.hold(self.name, self._owner):
                    extra = {"destination": self.name, "deliveries": held}
                    logger.warning("held what waited", extra=extra)
            except LedgerUnavailable as exc:
                extra = {"destination": self.name, "reason": str(exc)}
                logger.warning("could not hold what waits", extra=extra)
            stop.wait(POLL_S)

    def ring(self) -> None:
        """What is built for it is held already."""


def _shared_ids(deliveries: Sequence[Delivery]) -> dict[str, object]:
    """Of a batch, which is of one study, and mostly of one job."""
    job_ids = sorted({each.job_id for each in deliveries})
    job = {"job_id": job_ids[0]} if len(job_ids) == 1 else {"job_ids": job_ids}
    return job | {"study_instance_uid": deliveries[0].study_instance_uid}


def _ids(delivery: Delivery) -> dict[str, object]:
    return {"role": delivery.role, "sop_instance_uid": delivery.sop_instance_uid}
