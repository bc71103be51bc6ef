"""Alerts: which conditions hold, and which of them people have been told of.

In the ledger, so that of several hosts one tells, and a restart tells nothing twice.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.watched import alerts, notices, rounds
from dicom_node.ledger.watching.rounds import is_due, last_round, take_turn

#: A host that has looked at nothing for so long has been taken away.
GONE_AFTER = timedelta(hours=1)
_OF_HOST = "alerts of "
_OF_NODE = "alerts"


@dataclass(frozen=True, slots=True)
class Holding:
    """A condition that holds now."""

    name: str  #: of the condition
    subject: str  #: what it holds of: a destination, a part of the node; "" where that says nothing
    words: str  #: for people
    hold_s: float = 0.0  #: it is told of only where it has held for so long


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that holds, or held lately."""

    name: str
    subject: str
    host: str  #: which looks after it; "": whichever
    words: str
    since: datetime
    told_at: datetime | None = None  #: its last onset
    ended_at: datetime | None = None  #: None: it holds
    is_open: bool = False  #: people were told of its onset, and of no recovery since

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.subject


@dataclass(frozen=True, slots=True)
class Turned:
    """What people are to be told."""

    alert: Alert
    is_onset: bool  #: False: it has recovered


class Alerts(Part):
    """The part of the ledger behind `cxr-node alerts`."""

    def on(self) -> list[Alert]:
        """What holds now, told or not, the oldest first."""
        query = select(alerts).where(alerts.c.ended_at.is_(None))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(alerts.c.since, alerts.c.name))
            return [_alert(row) for row in rows]

    def is_due(self, host: str, every_s: float) -> bool:
        """Whether nobody has looked at what `host` looks after ("": whichever) for so long."""
        with self._database.read() as connection:
            at = last_round(connection, _round(host))
        return is_due(at, self._database.now(), every_s)

    def look(
        self,
        host: str,
        holding: Collection[Holding],
        every_s: float,
        throttle_s: float,
        tell: Mapping[str, Callable[[Sequence[Turned]], str]],
    ) -> list[Turned] | None:
        """What has turned; None where another has looked meanwhile. It is left in `notices` for
        every channel of `tell`, as that puts it, in the same transaction.
        """
        now = self._database.now()
        with self._database.write() as connection:
            if not take_turn(connection, _round(host), now, every_s):
                return None
            looked_after = {host} if host else {"", *_gone(connection, now)}
            query = select(alerts).where(alerts.c.host.in_(looked_after)).with_for_update()
            before = [_alert(row) for row in connection.execute(query)]
            after, turned = decide(before, holding, host, now, timedelta(seconds=throttle_s))
            _replace(connection, before, after)
            if turned:
                bodies = ({"channel": name, "body": put(turned)} for name, put in tell.items())
                rows = [{**one, "at": now, "due_at": now, "attempts": 0} for one in bodies]
                if rows:
                    connection.execute(insert(notices), rows)
            return turned


def decide(
    before: Collection[Alert],
    holding: Collection[Holding],
    host: str,
    now: datetime,
    throttle: timedelta,
) -> tuple[list[Alert], list[Turned]]:
    """The alerts from now on, and what people are to be told: an onset at most once in `throttle`,
    a recovery only after an onset.
    """
    had = {alert.key: alert for alert in before}
    after: list[Alert] = []
    turned: list[Turned] = []
    for one in holding:
        alert = had.pop((one.name, one.subject), None)
        if alert is None or alert.ended_at is not None:
            told_at = alert.told_at if alert else None
            alert = Alert(one.name, one.subject, host, one.words, now, told_at)
        if alert.since > now:
            # The clock has been set back.
            alert = replace(alert, since=now)
        has_held = now - alert.since >= timedelta(seconds=one.hold_s)
        if has_held and not alert.is_open and not _is_quiet(alert, now, throttle):
            alert = replace(alert, words=one.words, told_at=now, is_open=True)
            turned.append(Turned(alert, is_onset=True))
        after.append(replace(alert, words=one.words))
    for alert in had.values():
        ended = replace(alert, ended_at=alert.ended_at or now, is_open=False)
        if alert.is_open:
            turned.append(Turned(ended, is_onset=False))
        # Until it may be told of again.
        if _is_quiet(alert, now, throttle):
            after.append(ended)
    return after, turned


def _is_quiet(alert: Alert, now: datetime, throttle: timedelta) -> bool:
    return alert.told_at is not None and abs(now - alert.told_at) < throttle


def _round(host: str) -> str:
    return f"{_OF_HOST}{host}" if host else _OF_NODE


def _gone(connection: Connection, now: datetime) -> Iterator[str]:
    for row in connection.execute(select(rounds).where(rounds.c.at < now - GONE_AFTER)):
        if row.name.startswith(_OF_HOST):
            yield row.name.removeprefix(_OF_HOST)


def _replace(connection: Connection, before: Sequence[Alert], after: Sequence[Alert]) -> None:
    if before == after:
        return
    for alert in before:
        this = (
            (alerts.c.name == alert.name)
            & (alerts.c.subject == alert.subject)
            & (alerts.c.host == alert.host)
        )
        connection.execute(delete(alerts).where(this))
    rows = [
        {"name": one.name, "subject": one.subject, "host": one.host, "words": one.words,
         "since": one.since, "told_at": one.told_at, "ended_at": one.ended_at,
         "is_open": int(one.is_open)}
        for one in after
    ]  # fmt: skip
    if rows:
        connection.execute(insert(alerts), rows)


def _alert(row: Row[Any]) -> Alert:
    values = row._asdict()
    return Alert(**values | {"is_open": bool(values["is_open"])})
