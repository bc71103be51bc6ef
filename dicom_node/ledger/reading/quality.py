"""What was found in the images of each device: for whoever looks whether it still says the same."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import case, func, select

from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.schema import findings, instances, jobs


@dataclass(frozen=True, slots=True)
class Device:
    """As a header names it; "" where it does not say."""

    manufacturer: str
    model_name: str
    station_name: str


@dataclass(slots=True)
class Found:
    """What came of one device within some time."""

    received: int = 0
    analysed: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    cautions: Counter[str] = field(default_factory=Counter)  #: images that have each
    cautioned: int = 0  #: images that have any
    infected_percent: float | None = None  #: of both lungs, the mean of the positive ones


class Quality(Part):
    """The part of the ledger behind the page of that name."""

    def by_device(self, since: datetime, divide: datetime) -> Mapping[Device, tuple[Found, Found]]:
        """Of each device: what came from `since` to `divide`, and what came after."""
        columns = instances.c.manufacturer, instances.c.model_name, instances.c.station_name
        is_late = case((jobs.c.received_at >= divide, 1), else_=0).label("late")
        grouped = (*columns, is_late, findings.c.decision, findings.c.cautions)
        percent = func.sum(findings.c.percent_both), func.count(findings.c.percent_both)
        query = (
            select(*grouped, func.count(), *percent)
            .select_from(jobs)
            .join(
                instances,
                (instances.c.sop_instance_uid == jobs.c.sop_instance_uid)
                & (instances.c.sha256 == jobs.c.sha256),
            )
            .outerjoin(
                findings, (findings.c.job_id == jobs.c.id) & (findings.c.issue == jobs.c.issue)
            )
            .where(jobs.c.received_at >= since)
            .group_by(*columns, "late", findings.c.decision, findings.c.cautions)
        )
        found: dict[Device, tuple[Found, Found]] = {}
        sums: Counter[tuple[Device, int]] = Counter()
        counts: Counter[tuple[Device, int]] = Counter()
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        for maker, model, station, late, decision, cautions, count, percents, known in rows:
            device = Device(maker, model, station)
            of = found.setdefault(device, (Found(), Found()))[late]
            of.received += count
            if decision is None:
                continue
            of.analysed += count
            of.decisions[decision] += count
            codes = json.loads(cautions)
            of.cautioned += count if codes else 0
            of.cautions.update(dict.fromkeys(codes, count))
            if decision == "positive" and known:
                sums[device, late] += percents
                counts[device, late] += known
        for (device, late), number in counts.items():
            found[device][late].infected_percent = sums[device, late] / number
        return found
