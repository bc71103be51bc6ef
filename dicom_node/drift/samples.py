"""Of the images that came, those that are compared: new patients, each once, of today.

Images of one patient are alike, and whoever lies in intensive care has one every day: counted each
by itself they would seem to say more than they do, and chance would be taken for a shift. So of
each patient an image counts only where none came from the same device within `ALONE` before. The
rule is the same for every image whichever side it falls on, so that neither side has more of those
who stay long.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dicom_node.drift.measures import SHARES, VALUES, Measure
from dicom_node.ledger import Device, Examined

#: Longer than most stay, and no shorter than the week: within it each patient counts once.
ALONE = timedelta(days=7)
#: Taken longer ago than that, an image says nothing of its device today: a prior that was fetched,
#: an archive that is sent again.
_OLD = timedelta(days=7)


@dataclass(slots=True)
class Sample:
    """The images of one side."""

    count: int = 0
    #: Of them, those of each of `SHARES`; of all but NOT_ANALYSED the analysed ones are the whole.
    shares: dict[Measure, int] = field(default_factory=lambda: dict.fromkeys(SHARES, 0))
    values: dict[Measure, list[float]] = field(default_factory=lambda: {one: [] for one in VALUES})

    def of(self, measure: Measure) -> int:
        """How many images it is a share of, or has been measured of."""
        if not measure.is_share:
            return len(self.values[measure])
        analysed = self.count - self.shares[Measure.NOT_ANALYSED]
        return self.count if measure is Measure.NOT_ANALYSED else analysed

    def add(self, image: Examined) -> None:
        self.count += 1
        if image.decision is None:
            self.shares[Measure.NOT_ANALYSED] += 1
            return
        self.shares[Measure.POSITIVE] += image.decision == "positive"
        self.shares[Measure.UNDETERMINED] += image.decision == "undetermined"
        self.shares[Measure.CAUTIONED] += image.has_caution
        infected = image.percent_both if image.decision == "positive" else None
        for measure, value in (
            (Measure.INFECTED, infected),
            (Measure.BRIGHTNESS, image.gray_brightness),
            (Measure.CONTRAST, image.gray_contrast),
            (Measure.SHARPNESS, image.gray_sharpness),
            (Measure.STRANGENESS, image.strangeness),
        ):
            if value is not None:
                self.values[measure].append(value)


def sample(images: Iterable[Examined], begin: datetime, end: datetime) -> Sample:
    """Of what came from `begin` to before `end`."""
    made = Sample()
    for image in images:
        if begin <= image.received_at < end:
            made.add(image)
    return made


def counted(
    images: Iterable[Examined], known_since: datetime | None
) -> dict[Device, list[Examined]]:
    """Of each device the images that count, of all that came, in that order.

    `known_since`: since then all that came is known; None: since the first of the images.
    """
    made: dict[Device, list[Examined]] = {}
    for image in _new(images, known_since):
        made.setdefault(image.device, []).append(image)
    return made


def _new(images: Iterable[Examined], first: datetime | None) -> Iterator[Examined]:
    """Those of patients who were not there lately; of the first images that are known nobody can
    say whose patients were.
    """
    last: dict[tuple[Device, str], datetime] = {}
    for image in images:
        if image.acquired_at and image.acquired_at[:10] < f"{image.received_at - _OLD:%Y-%m-%d}":
            continue
        first = first or image.received_at
        key = image.device, image.patient
        before = last.get(key) if image.patient else None
        last[key] = image.received_at
        is_known = image.received_at - first >= ALONE
        if is_known and (before is None or image.received_at - before >= ALONE):
            yield image
