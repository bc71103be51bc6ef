"""A batch of outputs to one destination: an outcome for each, whatever becomes of the others."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dicom_node.config import Destination
from dicom_node.delivery.association import StoreAssociation, associate
from dicom_node.delivery.outcome import Fate, Outcome, outcome_of
from dicom_node.delivery.transcode import transcode
from dicom_node.errors import (
    DamagedInSpool,
    DestinationUnavailable,
    InvalidResult,
    SpoolUnavailable,
)
from dicom_node.ledger import Delivery
from dicom_node.spool import Spool

logger = logging.getLogger(__name__)

#: How many associations one batch may cost. What is at hand when one is lost may be the reason, so
#: the others go in a new one.
ASSOCIATIONS = 3
#: Seconds after which no further output of a batch is begun; with the longest wait for an answer
#: that stays within the lease on the batch.
BATCH_S = 120.0
#: Seconds that an answer is waited for at the first attempt, as many more at each further one:
#: a destination that hangs costs little, one that is always slow gets its outputs all the same.
RESPONSE_S = 15.0
RESPONSE_CAP_S = 60.0
#: Bytes a second: the slowest connection on which an output arrives within its time.
SLOWEST = 100_000


@dataclass(slots=True)
class Batch:
    """What became of a batch, and of the destination meanwhile."""

    deliveries: Sequence[Delivery]
    until: float  #: monotonic; nothing more is begun after it
    outcomes: dict[int, Outcome] = field(default_factory=dict)  #: by the delivery's id
    was_reached: bool = False  #: the destination accepted an association
    was_lost: bool = False  #: one that it had accepted broke off

    @property
    def answers(self) -> list[Outcome]:
        """Of those outputs that were sent and answered."""
        return [outcome for outcome in self.outcomes.values() if outcome.status is not None]

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until

    @property
    def open(self) -> list[Delivery]:
        """What has no outcome yet."""
        return [delivery for delivery in self.deliveries if delivery.id not in self.outcomes]


class Sending:
    """Sends batches to one destination."""

    def __init__(self, aet: str, destination: Destination, spool: Spool) -> None:
        self._aet = aet
        self._to = destination
        self._profile = destination.profile
        self._spool = spool

    def send(self, deliveries: Sequence[Delivery], within_s: float = BATCH_S) -> Batch:
        """Every delivery has an outcome in it; what is not begun `within_s` is to be sent again."""
        batch = Batch(deliveries, time.monotonic() + within_s)
        reason = f"{self._to.name}: its turn did not come"
        for turn in range(ASSOCIATIONS):
            if not batch.open or (turn and batch.is_over):
                break
            try:
                self._send_in_one(batch)
            except DestinationUnavailable as exc:
                reason = str(exc)
                break
        for delivery in batch.open:
            batch.outcomes[delivery.id] = Outcome(Fate.AGAIN, reason)
        return batch

    def _send_in_one(self, batch: Batch) -> None:
        """As much as one association carries; raises DestinationUnavailable where there is none."""
        contexts = dict.fromkeys(
            (delivery.sop_class_uid, syntax)
            for delivery in batch.open
            for syntax in self._profile.syntaxes_for(delivery.role)
        )
        with associate(self._aet, self._to, contexts) as association:
            batch.was_reached = True
            for delivery in batch.open:
                if batch.outcomes and batch.is_over:
                    return
                if association.has_ended:
                    batch.was_lost = True
                    return
                try:
                    batch.outcomes[delivery.id] = self._store(association, delivery)
                except DestinationUnavailable as exc:
                    batch.was_lost = True
                    batch.outcomes[delivery.id] = Outcome(Fate.AGAIN, str(exc))
                    return

    def _store(self, association: StoreAssociation, delivery: Delivery) -> Outcome:
        """The boundary of one delivery; raises DestinationUnavailable, which concerns them all."""
        name, uid = self._to.name, delivery.sop_instance_uid
        wanted = self._profile.syntaxes_for(delivery.role)
        syntax = association.syntax_for(delivery.sop_class_uid, wanted)
        if syntax is None:
            return Outcome(Fate.CLASS_REFUSED, self._why_not_accepted(association, delivery))
        try:
            with self._file(delivery, syntax) as path:
                status = association.store(path, _response_timeout_s(path, delivery.attempts))
        except DestinationUnavailable:
            raise
        except DamagedInSpool as exc:
            return Outcome(Fate.DAMAGED, f"{delivery.role} {uid}: {exc}")
        except InvalidResult as exc:
            return Outcome(Fate.REFUSED, f"{name}: {exc}")
        except (SpoolUnavailable, OSError) as exc:
            return Outcome(Fate.AGAIN, f"the spool: {exc}")
        except Exception as exc:
            # A bug that this output brings out: the others must not wait for it.
            logger.exception("failed to deliver", extra={"destination": name} | _ids(delivery))
            return Outcome(Fate.A_FEW_TIMES, f"{delivery.role} {uid}: unexpected {exc!r}")
        return outcome_of(status, name, delivery.role, uid)

    @contextmanager
    def _file(self, delivery: Delivery, syntax: str) -> Iterator[Path]:
        """The output's own file, byte for byte, unless it is to go in another transfer syntax.

        Raises DamagedInSpool where it is not what was built and verified.
        """
        content = self._spool.read_verified(delivery.path, delivery.sha256)
        if syntax == delivery.transfer_syntax_uid:
            yield self._spool.resolve(delivery.path)
            return
        with self._spool.scratch(transcode(content, syntax)) as path:
            yield path

    def _why_not_accepted(self, association: StoreAssociation, delivery: Delivery) -> str:
        why = f"{self._to.name} does not accept {delivery.role}"
        is_known = association.knows(delivery.sop_class_uid)
        return f"{why} in any transfer syntax offered" if is_known else why


def _response_timeout_s(path: Path, attempts: int) -> float:
    return min(RESPONSE_CAP_S, RESPONSE_S * attempts) + path.stat().st_size / SLOWEST


def _ids(delivery: Delivery) -> dict[str, object]:
    return {"role": delivery.role, "sop_instance_uid": delivery.sop_instance_uid}
