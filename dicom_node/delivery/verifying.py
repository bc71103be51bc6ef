"""What a destination answered to have stored, and whether it keeps it: asked again and again.

By storage commitment or by a query, as its `verify` says. A commitment's report comes by itself,
perhaps never: it is requested again, and when its time is over, what the destination shows decides.
What it does not have is sent again, what it cannot be asked for stays unverified, and that is said.
"""

import logging
import random
import threading
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from dicom_node.backoff import backoff_s
from dicom_node.commitments import transaction_uid
from dicom_node.config import AnyDestination
from dicom_node.delivery.kinds import Commitment, Query
from dicom_node.errors import DestinationUnavailable, LedgerUnavailable, NotOffered
from dicom_node.ledger import Delivery, Ledger

logger = logging.getLogger(__name__)

#: Seconds until it is asked once more, for a start.
_AGAIN_S = 2.0
#: Instances in one request.
BATCH = 64
#: Seconds that nobody else asks for what is claimed: longer than any question takes.
_HOLD_S = 300.0
#: Seconds until a storage commitment that is not reported on is requested once more; twice as long
#: each time, and at most the second.
_REPEAT_S, _REPEAT_AT_MOST_S = 60.0, 3600.0
#: Seconds between two looks whether it reports at all.
_LOOK_S = 30.0
#: Look into the ledger this often.
POLL_S = 2.0
#: Seconds beyond its time that a destination which is away is still asked for it.
OVERDUE_S = 24 * 3600.0


class VerificationLoop:
    """Verifies what is SENT to one destination."""

    def __init__(
        self,
        destination: AnyDestination,
        ledger: Ledger,
        query: Query | None,
        commitment: Commitment | None,
    ) -> None:
        """`commitment` None: only asked what it shows."""
        self.name = destination.name
        self._ledger = ledger
        self._query = query
        self._commitment = commitment
        self._is_silent = False  #: as was said last
        self._look_at: datetime | None = None  #: whether it is

    def run(self, stop: threading.Event) -> None:
        """Verify until `stop`; nothing that happens in one turn ends it."""
        while not stop.is_set():
            try:
                while not stop.is_set() and self.verify_due():
                    pass
                self.note_silence()
                stop.wait(self._wait_s())
            except LedgerUnavailable as exc:
                extra = {"destination": self.name, "reason": str(exc)}
                logger.warning("could not verify", extra=extra)
                stop.wait(POLL_S)
            except Exception:
                # A bug in one turn: what it had claimed is due again by itself.
                logger.exception("failed to verify", extra={"destination": self.name})
                stop.wait(POLL_S)

    def verify_due(self) -> bool:
        """Ask for what is due; False where nothing was."""
        claimed = self._ledger.verifications.claim(self.name, _HOLD_S, BATCH)
        now = self._ledger.now()
        overdue = [each for each in claimed if _deadline(each, now) <= now]
        early = [each for each in claimed if each not in overdue]
        if early and self._commitment:
            self._request(self._commitment, early)
        elif early:
            self._look(early, self._absent_yet)
        if overdue:
            self._look(overdue, self._missing)
        return bool(claimed)

    def note_silence(self) -> None:
        """Say once where it reports on no storage commitment, and once where it does again."""
        now = self._ledger.now()
        if self._commitment is None or (self._look_at and now < self._look_at):
            return
        self._look_at = now + timedelta(seconds=_LOOK_S)
        silence = self._ledger.verifications.silences().get(self.name)
        if silence and not self._is_silent:
            logger.warning(
                "answers no request for storage commitment: see that it knows this node's AE"
                " title, address and port",
                extra={"destination": self.name, "requests": silence.requests,
                       "since": silence.since.isoformat(timespec="seconds")},
            )  # fmt: skip
        elif self._is_silent and not silence:
            logger.info("no longer silent on storage commitment", extra={"destination": self.name})
        self._is_silent = silence is not None

    def _request(self, commitment: Commitment, deliveries: Sequence[Delivery]) -> None:
        uid, now = transaction_uid(), self._ledger.now()
        answer_by = min(_deadline(each, now) for each in deliveries)
        # It may have reported while no listener was there to hear it, and says it only once.
        repeat_at = min(answer_by, now + timedelta(seconds=_repeat_s(deliveries)))
        self._ledger.verifications.begin(uid, self.name, _ids(deliveries), answer_by, repeat_at)
        try:
            commitment.request(uid, deliveries)
        except DestinationUnavailable as exc:
            self._ledger.verifications.not_requested(uid)
            self._ask_again(deliveries, str(exc))
        except NotOffered as exc:
            self._ledger.verifications.not_requested(uid)
            logger.warning("asks by a query instead", extra=self._extra(deliveries, str(exc)))
            self._look(deliveries, self._absent_yet)
        else:
            logger.info("requested storage commitment", extra=self._extra(deliveries, uid))

    def _look(
        self, deliveries: Sequence[Delivery], absent: Callable[[Sequence[Delivery], str], None]
    ) -> None:
        """Ask what it shows; `absent` is done about the others."""
        if self._query is None:
            self._leave_unverified(deliveries, f"{self.name}: cannot be asked what it holds")
            return
        try:
            held = set(self._query.held(deliveries))
        except NotOffered as exc:
            self._leave_unverified(deliveries, str(exc))
        except DestinationUnavailable as exc:
            self._not_reached(deliveries, str(exc))
        else:
            if held:
                self._ledger.verifications.verified(held, f"{self.name} shows it")
            if others := [each for each in deliveries if each.id not in held]:
                absent(others, f"{self.name} does not show it")

    def _absent_yet(self, deliveries: Sequence[Delivery], why: str) -> None:
        self._ask_again(deliveries, why)

    def _missing(self, deliveries: Sequence[Delivery], why: str) -> None:
        logger.warning("stored, as was said, and is not there", extra=self._extra(deliveries, why))
        self._ledger.verifications.missing(_ids(deliveries), why)

    def _not_reached(self, deliveries: Sequence[Delivery], why: str) -> None:
        now = self._ledger.now()
        last = now - timedelta(seconds=OVERDUE_S)
        hopeless = [each for each in deliveries if _deadline(each, now) <= last]
        if hopeless:
            self._leave_unverified(hopeless, why)
        if others := [each for each in deliveries if each not in hopeless]:
            self._ask_again(others, why)

    def _ask_again(self, deliveries: Sequence[Delivery], why: str) -> None:
        """Those alike together: after the longest wait that one of them has come to."""
        checks = max(each.checks for each in deliveries)
        wait_s = backoff_s(checks, random.random(), base_s=_AGAIN_S)
        at = self._ledger.now() + timedelta(seconds=wait_s)
        logger.info("will ask again", extra=self._extra(deliveries, why) | {"in_s": wait_s})
        self._ledger.verifications.unconfirmed(_ids(deliveries), why, at)

    def _leave_unverified(self, deliveries: Sequence[Delivery], why: str) -> None:
        logger.warning("sent, unverified", extra=self._extra(deliveries, why))
        self._ledger.verifications.unverified(_ids(deliveries), why)

    def _wait_s(self) -> float:
        due = self._ledger.verifications.next_due(self.name)
        if due is None:
            return POLL_S
        return min(POLL_S, max(0.1, (due - self._ledger.now()).total_seconds()))

    def _extra(self, deliveries: Sequence[Delivery], reason: str) -> dict[str, object]:
        study = deliveries[0].study_instance_uid
        about = {"outputs": len(deliveries), "study_instance_uid": study, "reason": reason}
        return {"destination": self.name, **about}


def _deadline(delivery: Delivery, now: datetime) -> datetime:
    return delivery.verify_by or now


def _repeat_s(deliveries: Sequence[Delivery]) -> float:
    """Alike for all of them: as long as one of them has come to."""
    checks = max(each.checks for each in deliveries)
    return min(_REPEAT_AT_MOST_S, _REPEAT_S * 2.0 ** min(checks - 1, 30))


def _ids(deliveries: Sequence[Delivery]) -> Collection[int]:
    return [delivery.id for delivery in deliveries]
