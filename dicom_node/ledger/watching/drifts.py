"""Drifts: devices whose images have become otherwise, as they were found at the last look.

In the ledger, so that of several hosts one looks, and page, alerts and metrics say the same.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from dicom_node.ledger.reading.devices import Device
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.watched import drifts
from dicom_node.ledger.watching.rounds import is_due, last_round, take_turn

_ROUND = "drift"


@dataclass(frozen=True, slots=True)
class Drift:
    """One measure of a device's images that has become otherwise, as it was seen clearest."""

    device: Device
    measure: str  #: a value of `dicom_node.drift.measures.Measure`
    since: datetime  #: the look that found it
    now: float  #: of the week: a share, 0..1, or a median
    before: float  #: of the weeks before
    now_count: int  #: images compared
    before_count: int
    effect: float  #: how far it has moved (`dicom_node.drift.comparing`), and which way by its sign
    #: 0..1: at one look at all devices and measures together, that any shows as much by chance
    chance: float
    #: Its weeks before ended then, and do so as long as this is kept: what came while it held is
    #: nothing to compare with.
    reference_until: datetime
    ended_at: datetime | None = None  #: None: it holds

    @property
    def key(self) -> tuple[Device, str]:
        return self.device, self.measure


class Drifts(Part):
    """The part of the ledger that knows which devices drift."""

    def all(self) -> list[Drift]:
        """What holds: by device, and of each the least likely first."""
        with self._database.read() as connection:
            return drifts_in(connection)

    def kept(self) -> list[Drift]:
        """And what held lately."""
        with self._database.read() as connection:
            return [_drift(row) for row in connection.execute(select(drifts))]

    def looked_at(self) -> datetime | None:
        """The last look; None: there was none."""
        with self._database.read() as connection:
            return last_round(connection, _ROUND)

    def is_due(self, every_s: float) -> bool:
        """Whether nobody has looked for so long."""
        return is_due(self.looked_at(), self._database.now(), every_s)

    def keep(self, found: Sequence[Drift], every_s: float) -> bool:
        """Instead of what was found at the look before; False where another has looked meanwhile,
        and nothing is kept.
        """
        with self._database.write() as connection:
            if not take_turn(connection, _ROUND, self._database.now(), every_s):
                return False
            connection.execute(delete(drifts))
            if rows := [_row(one) for one in found]:
                connection.execute(insert(drifts), rows)
            return True


def drifts_in(connection: Connection) -> list[Drift]:
    query = select(drifts).where(drifts.c.ended_at.is_(None))
    query = query.order_by(
        drifts.c.station_name, *(drifts.c[name] for name in _DEVICE), drifts.c.chance
    )
    return [_drift(row) for row in connection.execute(query)]


_DEVICE = [name for name in Device.__dataclass_fields__ if name in drifts.c]
_OWN = [column.name for column in drifts.c if column.name not in _DEVICE]


def _row(one: Drift) -> dict[str, Any]:
    return asdict(one.device) | {name: getattr(one, name) for name in _OWN}


def _drift(row: Row[Any]) -> Drift:
    values = row._asdict()
    return Drift(
        Device(*(values[name] for name in _DEVICE)), **{name: values[name] for name in _OWN}
    )
