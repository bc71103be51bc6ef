"""A hospital whose images are drawn by lot, day after day: what chance alone makes of them, and
what a device makes of them once something is set otherwise.

As in a real one weekends are quiet and bring other patients, who lies in a ward has an image every
day, and the images of one patient are alike. Gray values are spread as those of COVID-QU-Ex Val
(`inference.gray.quality`), decisions as in FIGURES.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from dicom_node.drift.comparing import drifting, references
from dicom_node.drift.measures import BEFORE, WEEK
from dicom_node.drift.samples import ALONE, counted
from dicom_node.ledger import Device, Drift, Examined

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)
#: Days after which a look has all images that it wants.
FULL = (WEEK + BEFORE + ALONE) // DAY
#: Of a weekday's patients, those of a day of the weekend, and how much oftener they are infected.
_WEEKEND, _WEEKEND_INFECTED = 0.4, 1.5
#: Mean, and deviation between patients and between images of one: together 0.10, 0.04, 0.19.
_BRIGHTNESS, _CONTRAST, _SHARPNESS = (0.58, 0.08, 0.06), (0.17, 0.032, 0.024), (1.83, 0.12, 0.147)
_UNDETERMINED, _CAUTION, _REFUSED = 0.06, 0.15, 0.03


@dataclass(frozen=True, slots=True)
class Room:
    """A device, and who is X-rayed there."""

    name: str
    patients: float  #: new ones on a weekday, on average
    infected: float = 0.1  #: share
    staying: float = 0.0  #: share of those who have an image every day of their stay
    stay: float = 6.0  #: days of it, on average

    @property
    def device(self) -> Device:
        return Device("Maker", "Model", self.name, "PACS")


#: What becomes of an image from some day on.
Change = Callable[[Examined, np.random.Generator], Examined]


@dataclass(slots=True)
class _Patient:
    name: str
    is_infected: bool
    percent: float
    traits: tuple[float, float, float]
    until: int  #: the last day


@dataclass(slots=True)
class Hospital:
    """Days one after the other."""

    rooms: Sequence[Room]
    seed: int = 0
    change: Change | None = None  #: of the first room's images
    changed_on: int = 0  #: the day of it
    _day: int = 0
    _wards: dict[str, list[_Patient]] = field(default_factory=dict)

    def days(self) -> Iterator[list[Examined]]:
        """The images of each day, as they came."""
        rng = np.random.default_rng(self.seed)
        while True:
            images = [one for room in self.rooms for one in self._images(room, rng)]
            yield sorted(images, key=lambda one: one.received_at)
            self._day += 1

    def _images(self, room: Room, rng: np.random.Generator) -> Iterator[Examined]:
        is_weekend = self._day % 7 >= 5
        rate = room.infected * (_WEEKEND_INFECTED if is_weekend else 1)
        ward = [one for one in self._wards.get(room.name, []) if one.until >= self._day]
        came = []
        for number in range(rng.poisson(room.patients * (_WEEKEND if is_weekend else 1))):
            stays = rng.random() < room.staying
            until = self._day + (int(rng.geometric(1 / room.stay)) if stays else 0)
            came.append(
                _Patient(
                    f"{room.name} {self._day} {number}",
                    rng.random() < rate,
                    float(np.clip(rng.lognormal(2.9, 0.8), 0.1, 100)),
                    tuple(rng.normal(size=3)),
                    until,
                )
            )
        self._wards[room.name] = ward + [one for one in came if one.until > self._day]
        for patient in (*ward, *came):
            image = _image(room, patient, self._day, rng)
            if self.change and room is self.rooms[0] and self._day >= self.changed_on:
                image = self.change(image, rng)
            yield image


def _image(room: Room, patient: _Patient, day: int, rng: np.random.Generator) -> Examined:
    at = START + day * DAY + timedelta(hours=rng.uniform(7, 20))
    image = Examined(at, at.isoformat(timespec="seconds"), room.device, patient.name)
    if rng.random() < _REFUSED:
        return image
    gray = [
        mean + between * trait + within * noise
        for (mean, between, within), trait, noise in zip(
            (_BRIGHTNESS, _CONTRAST, _SHARPNESS), patient.traits, rng.normal(size=3), strict=True
        )
    ]
    decision = "positive" if patient.is_infected else "negative"
    if rng.random() < _UNDETERMINED:
        decision = "undetermined"
    return replace(
        image,
        decision=decision,
        has_caution=bool(rng.random() < _CAUTION),
        percent_both=patient.percent if decision == "positive" else 0.0,
        gray_brightness=gray[0],
        gray_contrast=gray[1],
        gray_sharpness=gray[2],
        strangeness=float(rng.lognormal(-0.5, 0.2)),
    )


def looks(
    hospital: Hospital, level: float, least: int, days: int, every_image: bool = False
) -> Iterator[tuple[int, list[Drift], list[Drift]]]:
    """One a day, once there is all to look at: the day, what holds and what held before.

    `every_image`: as if each were of another patient.
    """
    lately: deque[Examined] = deque()
    kept: list[Drift] = []
    for day, images in zip(range(days), hospital.days(), strict=False):
        lately.extend(_strangers(images) if every_image else images)
        now = START + (day + 1) * DAY
        since = min([now - WEEK, *references(kept, now).values()]) - BEFORE - ALONE
        # It never goes back.
        while lately and lately[0].received_at < since:
            lately.popleft()
        if day < FULL:
            continue
        found = drifting(counted(lately, since), kept, now, level, least)
        yield day, holding(found), holding(kept)
        kept = found


def holding(kept: Sequence[Drift]) -> list[Drift]:
    return [one for one in kept if one.ended_at is None]


def first_look(hospital: Hospital, every_image: bool = False) -> dict[Device, list[Examined]]:
    """The images that count once there is all to look at, and no day sooner."""
    images = [one for _, day in zip(range(FULL), hospital.days(), strict=False) for one in day]
    return counted(_strangers(images) if every_image else images, START)


def _strangers(images: Iterable[Examined]) -> Iterator[Examined]:
    """The same, each as if of another patient."""
    return (replace(one, patient="") for one in images)


def onsets(found: Sequence[Drift], held: Sequence[Drift]) -> int:
    """Alerts that begin: devices that did not drift before."""
    return len({one.device for one in found} - {one.device for one in held})
