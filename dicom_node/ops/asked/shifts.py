"""Whether the images of a device are read otherwise this week than in the weeks before, or look
otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt

from dicom_node.ledger import GRAY, Device, Found, Ledger, Measured

#: This week, and the days before it that it is compared with: together thirty.
WEEK, BEFORE = timedelta(days=7), timedelta(days=23)
#: Images on either side, at least, for a shift to be said.
_ENOUGH = 30
#: Standard errors between two shares: by chance once in 370 comparisons.
_FAR = 3.0
#: And by how much of what single images differ by a mean has to move: of thousands of images the
#: least difference is no chance, and no matter either. Any change of processing that a person would
#: notice moves one of the three by 1 to 11 (`inference.gray.quality`).
_MATTERS = 0.5
#: Less than this, of the gray range or of the sharpness, is not to be seen on the page either.
_LEAST = 0.005


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a device's images, now and before."""

    name: str
    now: float | None  #: 0..1; None: no image
    before: float | None
    is_shifted: bool


@dataclass(frozen=True, slots=True)
class Look:
    """One of what is measured of the gray values of a device's images, now and before."""

    name: str
    now: Measured
    before: Measured
    is_shifted: bool


@dataclass(frozen=True, slots=True)
class Drift:
    """One device, this week beside the weeks before."""

    device: Device
    now: Found
    before: Found
    shares: tuple[Share, ...]
    looks: tuple[Look, ...]

    @property
    def is_read_otherwise(self) -> bool:
        return any(share.is_shifted for share in self.shares)

    @property
    def looks_otherwise(self) -> bool:
        return any(look.is_shifted for look in self.looks)

    @property
    def is_shifted(self) -> bool:
        return self.is_read_otherwise or self.looks_otherwise


def drifts(ledger: Ledger, now: datetime) -> list[Drift]:
    """Each device of the last thirty days: those that have shifted first, then the busiest."""
    divide = now - WEEK
    found = ledger.quality.by_device(divide - BEFORE, divide)
    all_ = [Drift(device, late, early, _shares(late, early), _looks(late, early))
            for device, (early, late) in found.items()]  # fmt: skip
    return sorted(all_, key=lambda one: (not one.is_shifted, -one.now.received))


def _shares(late: Found, early: Found) -> tuple[Share, ...]:
    def of(found: Found) -> Mapping[str, tuple[int, int]]:
        return {
            "positive": (found.decisions["positive"], found.analysed),
            "undetermined": (found.decisions["undetermined"], found.analysed),
            "with a caution": (found.cautioned, found.analysed),
            "not analysed": (found.received - found.analysed, found.received),
        }

    now, before = of(late), of(early)
    return tuple(_share(name, *now[name], *before[name]) for name in now)


def _share(name: str, count: int, of: int, count_before: int, of_before: int) -> Share:
    now = count / of if of else None
    before = count_before / of_before if of_before else None
    is_far = False
    if now is not None and before is not None and min(of, of_before) >= _ENOUGH:
        pooled = (count + count_before) / (of + of_before)
        error = sqrt(pooled * (1 - pooled) * (1 / of + 1 / of_before))
        is_far = error > 0 and abs(now - before) / error >= _FAR
    return Share(name, now, before, is_far)


def _looks(late: Found, early: Found) -> tuple[Look, ...]:
    both = ((name, late.gray[name], early.gray[name]) for name in GRAY)
    return tuple(Look(name, now, before, _has_moved(now, before)) for name, now, before in both)


def _has_moved(now: Measured, before: Measured) -> bool:
    """Whether the mean is elsewhere by more than chance makes it, and by as much as matters."""
    if now.mean is None or before.mean is None or min(now.count, before.count) < _ENOUGH:
        return False
    moved = abs(now.mean - before.mean)
    error = sqrt(now.deviation**2 / now.count + before.deviation**2 / before.count)
    return moved >= max(_FAR * error, _MATTERS * before.deviation, _LEAST)
