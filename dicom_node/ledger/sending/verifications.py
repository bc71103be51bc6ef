"""Verifications: does a destination keep what it answered to have stored?

SENT ► VERIFIED is a destination's own word, given later: it reports on a storage commitment (PS3.4
Annex J), or shows the instance when asked what it holds. A commitment is in the ledger before it is
requested, so a report finds it whichever process receives it, however late and however often.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from dicom_node.ledger.sending.breakers import is_closed
from dicom_node.ledger.sending.delivery import (
    anew,
    delivery_of,
    of_condition,
    times,
)
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.moves import Condition, move_deliveries
from dicom_node.ledger.tables.records import Delivery, Silence
from dicom_node.ledger.tables.schema import (
    commitment_instances,
    commitments,
    deliveries,
    outputs,
)
from dicom_node.ledger.tables.states import DeliveryState, Event

#: How often an output is sent again that a destination answers to have stored and has not.
RESENDS = 3
#: Failure Reason of a commitment, PS3.3 C.14.1.1: no such object instance.
NO_SUCH_INSTANCE = 0x0112
#: So many requests for storage commitment, each older than so many seconds, and none of them
#: reported on: whoever does it at all has done it by then.
SILENT_REQUESTS, _SILENT_S = 3, 120.0
#: Days after the last request: what is not asked any more is not said to be silent.
_SILENT_DAYS = 7
#: Seconds until what a report leaves open is asked for again.
_ASK_AGAIN_S = 30.0


@dataclass(frozen=True, slots=True)
class CommitmentReport:
    """What an archive reports of a storage commitment (PS3.4 J.3.3): only what it names counts."""

    transaction_uid: str
    held: frozenset[str]  #: SOP Instance UIDs that it keeps
    failed: Mapping[str, int]  #: SOP Instance UIDs that it does not, with the Failure Reason


@dataclass(frozen=True, slots=True)
class Reported:
    """What a report brought, in numbers of deliveries."""

    destination: str
    verified: int = 0
    missing: int = 0  #: it does not have them: sent again, or left unverified
    unsettled: int = 0  #: to be asked for again


class Verifications(Part):
    """The part of the ledger that says what is SENT and not confirmed."""

    def claim(self, destination: str, hold_s: float, limit: int) -> list[Delivery]:
        """Take what is to be asked of `destination` now; nothing while it is paused or rests.

        Nobody else gets it for `hold_s`; a claim that is not followed up is simply due again then.
        """
        now = self._database.now()
        due = _sent_to(destination) & (deliveries.c.due_at <= now) & ~is_closed(destination, now)
        batch = (
            select(deliveries.c.id)
            .where(due)
            .order_by(deliveries.c.due_at, deliveries.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
        )
        with self._database.write() as connection:
            ids = connection.scalars(batch).all()
            # No event: whoever asks says what came of it.
            connection.execute(
                update(deliveries)
                .where(deliveries.c.id.in_(ids))
                .values(due_at=now + timedelta(seconds=hold_s), checks=deliveries.c.checks + 1)
            )
            rows = connection.execute(of_condition(deliveries.c.id.in_(ids)))
            return [delivery_of(row) for row in rows]

    def next_due(self, destination: str) -> datetime | None:
        """When something is to be asked there next; None: nothing is."""
        query = select(func.min(deliveries.c.due_at)).where(_sent_to(destination))
        with self._database.read() as connection:
            found: datetime | None = connection.execute(query).scalar_one()
        return found

    def begin(
        self,
        transaction_uid: str,
        destination: str,
        ids: Collection[int],
        answer_by: datetime,
        repeat_at: datetime,
    ) -> None:
        """A storage commitment is requested next: from now on its report is known.

        What it has not brought by `repeat_at` is due again; a report of this one counts then too.
        """
        now = self._database.now()
        with self._database.write() as connection:
            commitment_id = connection.execute(
                insert(commitments)
                .values(transaction_uid=transaction_uid, destination=destination, begun_at=now,
                        answer_by=answer_by)
                .returning(commitments.c.id)
            ).scalar_one()  # fmt: skip
            rows = move_deliveries(connection, now, DeliveryState.SENT, Event.ASKED,
                                   deliveries.c.id.in_(ids), commitment_id=commitment_id,
                                   due_at=repeat_at,
                                   detail=f"storage commitment {transaction_uid}")  # fmt: skip
            # None where an earlier one was reported on, or all sent again, just now.
            about = [{"commitment_id": commitment_id, "delivery_id": row.id} for row in rows]
            if about:
                connection.execute(insert(commitment_instances), about)

    def not_requested(self, transaction_uid: str) -> None:
        """The request was not made, or not taken: no report is waited for."""
        this = commitments.c.transaction_uid == transaction_uid
        with self._database.write() as connection:
            connection.execute(
                update(commitments).where(this).values(answer_by=commitments.c.begun_at)
            )

    def silences(self) -> dict[str, Silence]:
        """The destinations, by name, that report on none of the storage commitments requested."""
        with self._database.read() as connection:
            return silences(connection, self._database.now())

    def unconfirmed(self, ids: Collection[int], why: str, ask_at: datetime) -> None:
        """It was asked for in vain: once more at `ask_at`."""
        now = self._database.now()
        with self._database.write() as connection:
            _leave_open(connection, now, deliveries.c.id.in_(ids), why, ask_at)

    def verified(self, ids: Collection[int], how: str) -> None:
        """The destination has said that it keeps these."""
        now = self._database.now()
        with self._database.write() as connection:
            _verify(connection, now, deliveries.c.id.in_(ids), how)

    def missing(self, ids: Collection[int], why: str) -> None:
        """The destination has said that it does not have these: they are sent again, a few times;
        UNVERIFIED then, and where they are to be taken back anyway.
        """
        now = self._database.now()
        with self._database.write() as connection:
            _miss(connection, now, ids, why)

    def unverified(self, ids: Collection[int], why: str) -> None:
        """It is not asked for any more; a report that comes late still counts."""
        now = self._database.now()
        with self._database.write() as connection:
            _give_up(connection, now, deliveries.c.id.in_(ids), why)

    def waive(self, destination: str, why: str) -> int:
        """Its answers are to count as they are: what is SENT there is DELIVERED; how many."""
        with self._database.read() as connection:
            # Mostly none: no write is begun for that.
            if (
                connection.execute(
                    select(deliveries.c.id).where(_sent_to(destination)).limit(1)
                ).first()
                is None
            ):
                return 0
        now = self._database.now()
        with self._database.write() as connection:
            return waive(connection, now, _sent_to(destination), why)

    def report(self, report: CommitmentReport) -> Reported | None:
        """What a destination reports of a commitment; None where nobody requested it here.

        A failure counts only where the instance was not sent or asked for again since: the report
        may be an old one, or come twice.
        """
        now, uid = self._database.now(), report.transaction_uid
        query = select(commitments).where(commitments.c.transaction_uid == uid)
        with self._database.write() as connection:
            found = connection.execute(query.with_for_update()).first()
            if found is None:
                return None
            return _settle(connection, now, found, report)


def silences(connection: Connection, now: datetime) -> dict[str, Silence]:
    """The destinations, by name, that have reported on none of several requests, nor meanwhile."""
    other = commitments.alias()
    reported = (
        select(other.c.destination, func.max(other.c.answered_at).label("at"))
        .group_by(other.c.destination)
        .subquery()
    )
    number, last = func.count(), func.max(commitments.c.begun_at)
    query = (
        select(commitments.c.destination, number, func.min(commitments.c.begun_at))
        .join(reported, reported.c.destination == commitments.c.destination)
        .where(
            commitments.c.answered_at.is_(None),
            # Those that were not taken are equal.
            commitments.c.answer_by > commitments.c.begun_at,
            commitments.c.begun_at <= now - timedelta(seconds=_SILENT_S),
            reported.c.at.is_(None) | (commitments.c.begun_at > reported.c.at),
        )
        .group_by(commitments.c.destination)
        .having(number >= SILENT_REQUESTS, last > now - timedelta(days=_SILENT_DAYS))
    )
    return {name: Silence(count, since) for name, count, since in connection.execute(query)}


def waive(connection: Connection, now: datetime, which: Condition, why: str) -> int:
    """The same of those that meet a condition."""
    rows = move_deliveries(connection, now, DeliveryState.SENT, Event.WAIVED, which, detail=why)
    return len(rows)


def _settle(
    connection: Connection, now: datetime, commitment: Row[Any], report: CommitmentReport
) -> Reported:
    this = commitments.c.id == commitment.id
    if commitment.answered_at is None:
        connection.execute(update(commitments).where(this).values(answered_at=now))
    by_uid = _instances_of(connection, commitment.id)
    failed = {by_uid[uid]: reason for uid, reason in report.failed.items() if uid in by_uid}
    held = {by_uid[uid] for uid in report.held if uid in by_uid} - set(failed)
    said = f"storage commitment {report.transaction_uid}"
    verified = _verify(connection, now, deliveries.c.id.in_(held), said)
    current = set(
        connection.scalars(
            select(deliveries.c.id).where(
                deliveries.c.commitment_id == commitment.id,
                deliveries.c.state == DeliveryState.SENT,
            )
        )
    )
    lacking = {each for each, why in failed.items() if why == NO_SUCH_INSTANCE} & current
    missing = _miss(connection, now, lacking, f"{said}: 0x0112 (no such object instance)")
    again_at = now + timedelta(seconds=_ASK_AGAIN_S)
    unsettled = 0
    for reason in dict.fromkeys([*failed.values(), None]):
        # What the report does not name is as open as what failed for a reason that may pass.
        ids = {each for each in current - lacking if failed.get(each) == reason}
        why = "the report does not name it" if reason is None else f"failed with {reason:#06x}"
        where = deliveries.c.id.in_(ids)
        unsettled += _leave_open(connection, now, where, f"{said}: {why}", again_at)
    return Reported(commitment.destination, verified, missing, unsettled)


def _instances_of(connection: Connection, commitment_id: int) -> dict[str, int]:
    """Ids of its deliveries by SOP Instance UID."""
    query = (
        select(outputs.c.sop_instance_uid, deliveries.c.id)
        .join(deliveries, deliveries.c.output_id == outputs.c.id)
        .join(commitment_instances, commitment_instances.c.delivery_id == deliveries.c.id)
        .where(commitment_instances.c.commitment_id == commitment_id)
    )
    return dict(connection.execute(query).all())


def _verify(connection: Connection, now: datetime, which: Condition, how: str) -> int:
    moved: list[Any] = []
    for state in (DeliveryState.SENT, DeliveryState.UNVERIFIED):
        moved += move_deliveries(connection, now, state, Event.VERIFIED, which,
                                 verification=how, detail=how)  # fmt: skip
    return len(moved)


def _miss(connection: Connection, now: datetime, ids: Collection[int], why: str) -> int:
    for each in ids:
        this = deliveries.c.id == each
        # To be taken back by a rejection note: sent again it would only lie there once more.
        is_wanted = connection.execute(select(deliveries.c.reason).where(this)).scalar() is None
        if is_wanted and times(connection, each, Event.MISSED) < RESENDS:
            move_deliveries(connection, now, DeliveryState.SENT, Event.MISSED, this,
                            detail=why, reason=why, **anew(now))  # fmt: skip
        else:
            sent = f"; it was sent {1 + RESENDS} times" if is_wanted else ""
            _give_up(connection, now, this, f"{why}{sent}")
    return len(ids)


def _give_up(connection: Connection, now: datetime, which: Condition, why: str) -> None:
    move_deliveries(connection, now, DeliveryState.SENT, Event.UNVERIFIED, which,
                    verification=why, detail=why)  # fmt: skip


def _leave_open(
    connection: Connection, now: datetime, which: Condition, why: str, ask_at: datetime
) -> int:
    rows: Sequence[Any] = move_deliveries(
        connection, now, DeliveryState.SENT, Event.UNCONFIRMED, which,
        verification=why, detail=why, due_at=ask_at, commitment_id=None,
    )  # fmt: skip
    return len(rows)


def _sent_to(destination: str) -> Condition:
    return (deliveries.c.state == DeliveryState.SENT) & (deliveries.c.destination == destination)
