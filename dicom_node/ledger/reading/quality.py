"""What was found in the images of each device, and what these look like: for whoever looks whether
it is still the same. What was analysed at a person's request, although it was refused, says nothing
of a device.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from math import sqrt

from sqlalchemy import case, func, select

from dicom_node.ledger.reading.devices import DEVICE, Device
from dicom_node.ledger.reading.examined import of_devices
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.schema import findings, jobs

#: What is measured of each image: its gray values (`inference.gray.quality`), and how unlike those
#: learnt from it is (`inference.engines.familiarity`); and the columns of it.
LOOKS = {
    **{name: findings.c[f"gray_{name}"] for name in ("brightness", "contrast", "sharpness")},
    "strangeness": findings.c.strangeness,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of several images."""

    count: int
    total: float
    total_squared: float

    def __add__(self, other: "Measured") -> "Measured":
        return Measured(
            self.count + other.count,
            self.total + other.total,
            self.total_squared + other.total_squared,
        )

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None

    @property
    def deviation(self) -> float:
        """By how much single images differ from the mean: the standard deviation."""
        if self.count < 2:
            return 0.0
        # What is nearly the same for all may round below nothing.
        squares = max(0.0, self.total_squared - self.total**2 / self.count)
        return sqrt(squares / (self.count - 1))


_NONE = Measured(0, 0.0, 0.0)


@dataclass(slots=True)
class Found:
    """What came of one device within some time."""

    received: int = 0
    analysed: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    cautions: Counter[str] = field(default_factory=Counter)  #: images that have each
    cautioned: int = 0  #: images that have any
    infected_percent: float | None = None  #: of both lungs, the mean of the positive ones
    #: By each of `LOOKS`; images that an older version analysed have none.
    looks: dict[str, Measured] = field(default_factory=lambda: dict.fromkeys(LOOKS, _NONE))


class Quality(Part):
    """The part of the ledger behind the page of that name."""

    def by_device(self, since: datetime, divide: datetime) -> dict[Device, tuple[Found, Found]]:
        """Of each device: what came from `since` to `divide`, and what came after."""
        is_late = case((jobs.c.received_at >= divide, 1), else_=0).label("late")
        grouped = (*DEVICE, is_late, findings.c.decision, findings.c.cautions)
        percent = func.sum(findings.c.percent_both), func.count(findings.c.percent_both)
        measured = [of for one in LOOKS.values()
                    for of in (func.count(one), func.sum(one), func.sum(one * one))]  # fmt: skip
        query = (
            select(*grouped, func.count(), *percent, *measured)
            .where(jobs.c.received_at >= since)
            .group_by(*DEVICE[:-1], "kvp_range", "late", findings.c.decision, findings.c.cautions)
        )
        found: dict[Device, tuple[Found, Found]] = {}
        percent_sums: Counter[tuple[Device, int]] = Counter()
        counts: Counter[tuple[Device, int]] = Counter()
        with self._database.read() as connection:
            rows = connection.execute(of_devices(query)).all()
        for row in rows:
            device = Device(*row[: len(DEVICE)])
            late, decision, cautions, count, percents, known, *sums = row[len(DEVICE) :]
            of = found.setdefault(device, (Found(), Found()))[late]
            of.received += count
            if decision is None:
                continue
            of.analysed += count
            of.decisions[decision] += count
            codes = json.loads(cautions)
            of.cautioned += count if codes else 0
            of.cautions.update(dict.fromkeys(codes, count))
            for place, name in enumerate(LOOKS):
                number, total, squared = sums[3 * place : 3 * place + 3]
                of.looks[name] += Measured(number, total or 0.0, squared or 0.0)
            if decision == "positive" and known:
                percent_sums[device, late] += percents
                counts[device, late] += known
        for (device, late), number in counts.items():
            found[device][late].infected_percent = percent_sums[device, late] / number
        return found
