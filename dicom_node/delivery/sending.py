"""A batch of outputs to one destination: an outcome for each, whatever becomes of the others."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dicom_node.delivery.kinds import Carrier, Channel, Query
from dicom_node.delivery.outcome import Fate, Outcome, outcome_of_bug
from dicom_node.errors import (
    DamagedInSpool,
    DestinationAway,
    DestinationUnavailable,
    InvalidResult,
    NodeError,
    SpoolUnavailable,
    SpoolUnreadable,
)
from dicom_node.ledger import Delivery
from dicom_node.spool import Spool

logger = logging.getLogger(__name__)

#: How many channels one batch may cost. What is at hand when one is lost may be the reason, so
#: the others go in a new one.
CHANNELS = 3
#: Seconds after which no further output of a batch is begun.
BATCH_S = 120.0


@dataclass(slots=True)
class Batch:
    """What became of a batch, and of the destination meanwhile."""

    deliveries: Sequence[Delivery]
    until: float  #: monotonic; nothing more is begun after it
    is_ours: Callable[[], bool] = lambda: True  #: nobody else has taken it meanwhile
    outcomes: dict[int, Outcome] = field(default_factory=dict)  #: by the delivery's id
    was_reached: bool = False  #: the destination opened a channel
    was_lost: bool = False  #: one that it had opened broke off
    error: str = ""  #: what was wrong with it, last
    wait_s: float = 0.0  #: how long it asked to be left alone, at least

    @property
    def answers(self) -> list[Outcome]:
        """Of those outputs that were sent and answered."""
        return [outcome for outcome in self.outcomes.values() if outcome.is_answer]

    @property
    def is_over(self) -> bool:
        """Whether no further output may be begun; one is, however little time there was."""
        return not self.is_ours() or bool(self.outcomes and time.monotonic() >= self.until)

    @property
    def open(self) -> list[Delivery]:
        """What has no outcome yet."""
        return [delivery for delivery in self.deliveries if delivery.id not in self.outcomes]


class Sending:
    """Sends batches to one destination."""

    def __init__(
        self, name: str, carrier: Carrier, spool: Spool, query: Query | None = None
    ) -> None:
        """`query`: asked before what may be there already is sent again."""
        self._name = name
        self._carrier = carrier
        self._spool = spool
        self._query = query

    def send(
        self,
        deliveries: Sequence[Delivery],
        within_s: float = BATCH_S,
        is_ours: Callable[[], bool] = lambda: True,
    ) -> Batch:
        """Every delivery has an outcome in it; what is not begun `within_s`, or while the batch
        `is_ours`, is to be sent again.
        """
        batch = Batch(deliveries, time.monotonic() + within_s, is_ours)
        bug: Outcome | None = None
        self._settle_doubts(batch)
        for _ in range(CHANNELS):
            if not batch.open or batch.is_over:
                break
            try:
                self._send_in_one(batch)
            except DestinationAway as exc:
                # Known only once something was sent, where a channel opens without asking.
                batch.error, batch.wait_s = str(exc), exc.wait_s
                batch.was_reached, batch.was_lost = bool(batch.answers), True
                break
            except DestinationUnavailable as exc:
                batch.error = str(exc)
                break
            except Exception as exc:
                # A bug in opening or closing a channel: without an outcome nobody would ever let
                # these go.
                logger.exception("failed to deliver", extra={"destination": self._name})
                bug = outcome_of_bug(exc, self._name)
                batch.error, batch.was_lost = bug.message, batch.was_reached
                break
        for delivery in batch.open:
            reason = batch.error or f"{self._name}: its turn did not come"
            batch.outcomes[delivery.id] = bug or Outcome(Fate.AGAIN, reason)
        return batch

    def _settle_doubts(self, batch: Batch) -> None:
        """Do not send again what an attempt without an answer has brought there."""
        doubtful = [delivery for delivery in batch.deliveries if delivery.in_doubt]
        if not doubtful or self._query is None:
            return
        try:
            held = self._query.held(doubtful)
        except NodeError:
            # To send the same instance again does no harm; not to send it may.
            return
        except Exception:
            # A bug, or an answer that no library reads: they are to be sent all the same.
            logger.exception("failed to ask what is there", extra={"destination": self._name})
            return
        batch.was_reached = True
        said = "it was there, after an attempt without an answer"
        batch.outcomes |= dict.fromkeys(held, Outcome(Fate.DELIVERED, said))

    def _send_in_one(self, batch: Batch) -> None:
        """As much as one channel carries; raises DestinationUnavailable where there is none, and
        DestinationAway where it turns out that nothing can be sent.
        """
        with self._carrier.open(batch.open) as channel:
            batch.was_reached = True
            for delivery in batch.open:
                if batch.is_over:
                    return
                if channel.has_ended:
                    batch.was_lost = True
                    return
                try:
                    batch.outcomes[delivery.id] = self._send(channel, delivery)
                except DestinationAway:
                    raise
                except DestinationUnavailable as exc:
                    batch.was_lost = True
                    batch.error = str(exc)
                    batch.outcomes[delivery.id] = Outcome(Fate.AGAIN, batch.error, in_doubt=True)
                    return

    def _send(self, channel: Channel, delivery: Delivery) -> Outcome:
        """The boundary of one delivery; raises DestinationUnavailable, which concerns them all."""
        uid = delivery.sop_instance_uid
        try:
            content = self._spool.read_verified(delivery.path, delivery.sha256)
            return channel.send(delivery, content)
        except DestinationUnavailable:
            raise
        except (DamagedInSpool, SpoolUnreadable) as exc:
            return Outcome(Fate.DAMAGED, f"{delivery.role} {uid}: {exc}")
        except InvalidResult as exc:
            return Outcome(Fate.REFUSED, f"{self._name}: {exc}")
        except (SpoolUnavailable, OSError) as exc:
            return Outcome(Fate.AGAIN, f"the spool: {exc}")
        except Exception as exc:
            # A bug that this output brings out: the others must not wait for it.
            extra = {"destination": self._name, "role": delivery.role, "sop_instance_uid": uid}
            logger.exception("failed to deliver", extra=extra)
            return outcome_of_bug(exc, f"{delivery.role} {uid}")
