"""Which samples differ by more than chance, at a false-alarm rate stated for the whole node.

Each measure of each device is one comparison: of values by the Mann-Whitney U test, of shares by
Fisher's exact test, both two-sided. The images of either side are independent of each other
(`samples`).

How the rate comes about: at one look there are m comparisons, and one is said where its p-value is
at most level / m (Bonferroni). Without any shift a look then says, on average, at most `level`
comparisons, however these hang together. Averages add up, dependent or not: D looks say at most
D * level, although each image is looked at on 35 days. One look a day at a level of 1/90 makes at
most one false alarm in 90 days on average, however many devices there are. That neighbouring looks
overlap makes false alarms only fewer: those that follow each other are one alarm, since what was
said holds for a while. What comes after a false alarm is compared with weeks that were odd, which
the bound leaves out. `python -m tests.bench.drift` counts these too, and measures the rate, and how
soon a shift is found.

Of thousands of images the least difference is no chance, and matters to nobody: so a shift must be
of `LEAST_MOVED` or `LEAST_SHARE` besides, and there must be enough images on either side.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import asin, copysign, sqrt
from statistics import median

from scipy.stats import fisher_exact, mannwhitneyu

from dicom_node.drift.measures import BEFORE, WEEK, Measure
from dicom_node.drift.samples import Sample, sample
from dicom_node.ledger import Device, Drift, Examined

#: How far from one half the probability has to be that an image of this week has more than one of
#: before (ties: half): of normal values that moved by half of what single images differ by, 0.638.
#: What a person would notice of a device's processing moves gray values by 1 to 11 times that
#: difference (`inference.gray.quality`).
LEAST_MOVED = 0.14
#: Of two shares, Cohen's h (1988; 0.2: small): from 2 % to 6 %, 10 % to 17 %, 50 % to 60 %.
LEAST_SHARE = 0.2
#: A shift that was said holds until less than so much of that is left: it does not come and go.
HOLDS = 0.5
#: A device that is set to and fro is compared with what was so long ago, and no longer.
_LONGEST = timedelta(days=112)
#: A device and the value of a `Measure`.
Key = tuple[Device, str]


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure of one device."""

    device: Device
    measure: Measure
    now: float  #: a share, 0..1, or a median
    before: float
    now_count: int
    before_count: int
    effect: float  #: in units of the least that matters; less than 0: it fell
    p_value: float


def references(kept: Collection[Drift], now: datetime) -> dict[Key, datetime]:
    """Until when the weeks before last, of what drifts or did lately; of all else until this week.

    A shift is compared with what was before it, and so is what comes after it: else a device that
    was mended would seem to have shifted the other way. Once all that it could be compared with
    came after the shift, that is what is usual now.
    """
    return {one.key: one.reference_until for one in kept if _is_near(one, now)}


def _is_near(one: Drift, now: datetime) -> bool:
    """Whether what came while it held, or before it, is in the weeks before."""
    is_usual = now >= (one.ended_at or one.since) + WEEK + BEFORE
    return not is_usual and now < one.reference_until + _LONGEST


def drifting(
    images: Mapping[Device, Sequence[Examined]],
    kept: Collection[Drift],
    now: datetime,
    level: float,
    least: int,
) -> list[Drift]:
    """What is to be kept: what has become otherwise, and what had lately; `images`: those of each
    device that count, from `BEFORE` before the earliest of `references` on.

    `kept`: at the look before. `level`: false alarms of one look, on average, at most. `least`:
    images on either side.
    """
    until = references(kept, now)
    had = {one.key: one for one in kept if one.key in until}
    compared = list(compare(images, until, now, least))
    found: list[Drift] = []
    for one in compared:
        key = one.device, one.measure.value
        drift = Drift(
            *key, now, one.now, one.before, one.now_count, one.before_count, one.effect,
            min(1.0, one.p_value * len(compared)), until.get(key, now - WEEK),
        )  # fmt: skip
        earlier = had.get(key)
        if earlier is not None and _holds_still(earlier, one):
            clearer = min(earlier, drift, key=lambda of: of.chance)
            found.append(replace(clearer, since=earlier.since))
        elif drift.chance <= level and abs(one.effect) >= 1:
            found.append(drift)
    # Those of which too little came, too: nothing can be said of them.
    hold = {one.key for one in found}
    over = (one for key, one in had.items() if key not in hold)
    return [*found, *(replace(one, ended_at=one.ended_at or now) for one in over)]


def _holds_still(earlier: Drift, now: Compared) -> bool:
    return earlier.ended_at is None and now.effect * copysign(1, earlier.effect) >= HOLDS


def compare(
    images: Mapping[Device, Sequence[Examined]],
    until: Mapping[Key, datetime],
    now: datetime,
    least: int,
) -> Iterator[Compared]:
    """Every comparison for which there are enough images; `until`: `references`."""
    for device, of_it in images.items():
        week = sample(of_it, now - WEEK, now)
        befores: dict[datetime, Sample] = {}
        for measure in Measure:
            end = until.get((device, measure.value), now - WEEK)
            if end not in befores:
                befores[end] = sample(of_it, end - BEFORE, end)
            before = befores[end]
            if min(week.of(measure), before.of(measure)) >= least:
                test = _of_shares if measure.is_share else _of_values
                yield test(device, measure, week, before)


def _of_shares(device: Device, share: Measure, week: Sample, before: Sample) -> Compared:
    now, then = week.shares[share], before.shares[share]
    of_now, of_then = week.of(share), before.of(share)
    p_value = float(fisher_exact([[now, of_now - now], [then, of_then - then]]).pvalue)
    # Cohen's h.
    moved = 2 * (asin(sqrt(now / of_now)) - asin(sqrt(then / of_then)))
    return Compared(
        device, share, now / of_now, then / of_then, of_now, of_then, moved / LEAST_SHARE, p_value
    )


def _of_values(device: Device, value: Measure, week: Sample, before: Sample) -> Compared:
    now, then = week.values[value], before.values[value]
    tested = mannwhitneyu(now, then, method="asymptotic")
    moved = float(tested.statistic) / (len(now) * len(then)) - 0.5
    return Compared(
        device, value, median(now), median(then), len(now), len(then), moved / LEAST_MOVED,
        float(tested.pvalue),
    )  # fmt: skip
