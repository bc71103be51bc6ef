"""What is said of each device's images, this week and in the weeks before, and what drifts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from dicom_node.drift.measures import BEFORE, SHARES, WEEK, Measure
from dicom_node.drift.words import evidence_of, shift_of
from dicom_node.ledger import LOOKS, Device, Drift, Found, Ledger, Measured


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a device's images, now and before."""

    name: str
    now: float | None  #: 0..1; None: no image
    before: float | None
    is_shifted: bool


@dataclass(frozen=True, slots=True)
class Look:
    """One of what is measured of a device's images, now and before."""

    name: str
    now: Measured
    before: Measured
    is_shifted: bool


@dataclass(frozen=True, slots=True)
class Weeks:
    """One device, this week beside the weeks before: all of its images."""

    device: Device
    now: Found
    before: Found
    shares: tuple[Share, ...]
    looks: tuple[Look, ...]
    drifts: tuple[Drift, ...]  #: found at the last look, in the images that are compared

    @property
    def is_shifted(self) -> bool:
        return bool(self.drifts)

    @property
    def said(self) -> list[tuple[Drift, str, str]]:
        """And in words what has shifted, and by what it is seen."""
        return [(one, shift_of(one), evidence_of(one)) for one in self.drifts]

    @property
    def more_is_infected(self) -> bool:
        """Or less, of the positives."""
        return any(one.measure == Measure.INFECTED for one in self.drifts)


def weeks_of(ledger: Ledger, now: datetime) -> list[Weeks]:
    """Of each device that sent anything: those that drift first, then the busiest."""
    divide = now - WEEK
    found = ledger.quality.by_device(divide - BEFORE, divide)
    drifts = ledger.drifts.all()
    # What drifted at the last look, and has sent nothing since that is still told of here.
    for one in drifts:
        found.setdefault(one.device, (Found(), Found()))
    all_ = [
        _weeks(device, late, early, tuple(one for one in drifts if one.device == device))
        for device, (early, late) in found.items()
    ]
    return sorted(all_, key=lambda one: (not one.is_shifted, -one.now.received))


def _weeks(device: Device, late: Found, early: Found, drifts: tuple[Drift, ...]) -> Weeks:
    shifted = {one.measure for one in drifts}
    return Weeks(device, late, early, _shares(late, early, shifted), _looks(late, early, shifted),
                 drifts)  # fmt: skip


def _shares(late: Found, early: Found, shifted: Collection[str]) -> tuple[Share, ...]:
    now, before = _shares_of(late), _shares_of(early)
    return tuple(Share(one, now[one], before[one], one in shifted) for one in SHARES)


def _shares_of(found: Found) -> Mapping[Measure, float | None]:
    def share(count: int, of: int) -> float | None:
        return count / of if of else None

    return {
        Measure.POSITIVE: share(found.decisions["positive"], found.analysed),
        Measure.UNDETERMINED: share(found.decisions["undetermined"], found.analysed),
        Measure.CAUTIONED: share(found.cautioned, found.analysed),
        Measure.NOT_ANALYSED: share(found.received - found.analysed, found.received),
    }


def _looks(late: Found, early: Found, shifted: Collection[str]) -> tuple[Look, ...]:
    return tuple(Look(one, late.looks[one], early.looks[one], one in shifted) for one in LOOKS)
