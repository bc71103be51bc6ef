"""Drift in figures: `python -m tests.bench.drift [alarms] [shifts] [cost]`, all three by default.

How often chance alone makes an alarm in hospitals drawn by lot where nothing shifts, beside what is
stated; how soon shifts are found, by how many patients a device has; and what a look costs on a
ledger of 100,000 images. Minutes on one core.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from multiprocessing import Pool
from pathlib import Path
from statistics import median

import numpy as np
from scipy.stats import beta
from sqlalchemy import create_engine, text

from dicom_node.config import AlertsSection
from dicom_node.drift.look import DriftLook
from dicom_node.ledger import Examined, Ledger
from dicom_node.ops.asked.shifts import weeks_of
from tests.bench.filling import PIPELINE, fill
from tests.dicom_node.drift.hospital import FULL, Change, Hospital, Room, looks, onsets

ALERTS = AlertsSection()
LEVEL, LEAST = 1 / ALERTS.drift_false_alarm_days, ALERTS.drift_least
#: A department, its emergency room with half of the patients infected more often, and a ward whose
#: patients have an image every day.
ROOMS = (
    Room("WALL 1", 40), Room("WALL 2", 25), Room("EMERGENCY", 30, 0.2, 0.1),
    Room("BEDSIDE 1", 8, 0.3, 0.7, 8.0), Room("BEDSIDE 2", 5, 0.2, 0.7, 5.0),
)  # fmt: skip
HOSPITALS, DAYS = 8, 540
#: Patients of a device on a weekday.
SIZES = (5, 15, 50)
#: Of each: how often, and for how many days after the shift.
TIMES, WITHIN = 10, 21
#: A node has as many devices as that; the level is shared among them.
DEVICES = 10
COUNT = 100_000


def gray(brightness: float = 0.0, contrast: float = 0.0, sharpness: float = 0.0) -> Change:
    """Moved by so many of the deviations that single images have."""

    def change(image: Examined, _rng: np.random.Generator) -> Examined:
        if image.gray_brightness is None:
            return image
        assert image.gray_contrast is not None
        assert image.gray_sharpness is not None
        return replace(
            image,
            gray_brightness=image.gray_brightness + 0.10 * brightness,
            gray_contrast=image.gray_contrast + 0.04 * contrast,
            gray_sharpness=image.gray_sharpness + 0.19 * sharpness,
        )

    return change


def decided(decision: str | None, share: float) -> Change:
    """So large a share of what was negative is that."""

    def change(image: Examined, rng: np.random.Generator) -> Examined:
        if image.decision != "negative" or rng.random() >= share:
            return image
        if decision is None:
            return Examined(image.received_at, image.acquired_at, image.device, image.patient)
        return replace(image, decision=decision, percent_both=float(rng.lognormal(2.9, 0.8)))

    return change


def stranger(image: Examined, _rng: np.random.Generator) -> Examined:
    """By one deviation."""
    known = image.strangeness
    return image if known is None else replace(image, strangeness=known * 1.22)


#: As `inference.gray.quality` measured what processing does, or in shares.
SHIFTS: Mapping[str, Change] = {
    "gain: brighter by 1.3 deviations, flatter by 1.2": gray(1.3, -1.2),
    "gain, half of that": gray(0.65, -0.6),
    "half the resolution: sharpness -5.1 deviations": gray(sharpness=-5.1),
    "sharpness -1 deviation": gray(sharpness=-1),
    "sharpness -0.5 deviations": gray(sharpness=-0.5),
    "positives from 10 % to 20 %": decided("positive", 0.12),
    "positives from 10 % to 40 %": decided("positive", 0.36),
    "undetermined from 6 % to 20 %": decided("undetermined", 0.17),
    "not analysed from 3 % to 20 %": decided(None, 0.21),
    "strangeness +1 deviation": stranger,
}


def main(words: list[str]) -> None:
    for part, do in {"alarms": alarms, "shifts": shifts, "cost": cost}.items():
        if not words or part in words:
            for line in do():
                print(line, flush=True)
            print()


def alarms() -> Iterator[str]:
    count = HOSPITALS * (DAYS - FULL)
    yield f"{count:,} looks at {len(ROOMS)} devices each, nothing shifts"
    yield "| counted | stated, at most | alarms | of that at most, 95 % | one in days |"
    yield "|---|---:|---:|---:|---:|"
    for every_image, what in ((False, "of each patient the first"), (True, "every image")):
        with Pool(2) as pool:
            found = sum(pool.starmap(_alarms, [(seed, every_image) for seed in range(HOSPITALS)]))
        most = beta.ppf(0.95, found + 1, count - found)
        often = f"{count / found:,.0f}" if found else f"over {count:,}"
        yield f"| {what} | {count * LEVEL:.1f} | {found} | {count * most:.1f} | {often} |"


def _alarms(seed: int, every_image: bool) -> int:
    hospital = Hospital(ROOMS, seed)
    return sum(onsets(f, held) for _, f, held in looks(hospital, LEVEL, LEAST, DAYS, every_image))


def shifts() -> Iterator[str]:
    yield f"{DEVICES} devices, {TIMES} times each: found within {WITHIN} days, median after"
    yield f"| shift | {' | '.join(f'{size} patients a weekday' for size in SIZES)} |"
    yield f"|---|{'---:|' * len(SIZES)}"
    for what in SHIFTS:
        cells = []
        for size in SIZES:
            with Pool(2) as pool:
                days = pool.starmap(_found_after, [(what, size, seed) for seed in range(TIMES)])
            found = [day for day in days if day is not None]
            after = f", {median(found):.0f} days" if found else ""
            cells.append(f"{100 * len(found) / TIMES:.0f} %{after}")
        yield f"| {what} | {' | '.join(cells)} |"


def _found_after(what: str, size: int, seed: int) -> int | None:
    """Days until it is said; None: it is not."""
    changed_on = FULL + seed % 7
    hospital = Hospital([Room("A", size)], 1000 + seed, SHIFTS[what], changed_on)
    shared = LEVEL / DEVICES
    for day, found, held in looks(hospital, shared, LEAST, changed_on + WITHIN):
        if day >= changed_on and onsets(found, held):
            return day - changed_on + 1
    return None


def cost() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'ledger.sqlite'}"
        Ledger.open(url).close()
        fill(url, COUNT)
        _measure(url)
        with closing(Ledger.open(url)) as ledger:
            look = DriftLook(ledger, PIPELINE, ALERTS)
            began = time.perf_counter()
            assert look.look(0)
            first = time.perf_counter() - began
            began = time.perf_counter()
            assert look.look(0)
            yield f"a look, {COUNT:,} images in the ledger, 60,480 of 42 days, 10 devices:"
            yield f"{first:.1f} s the first of a process, then {time.perf_counter() - began:.1f} s"
            began = time.perf_counter()
            weeks_of(ledger, ledger.now())
            yield f"what the page asks: {time.perf_counter() - began:.1f} s"


def _measure(url: str) -> None:
    """Ten devices, and figures for each image."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE instances SET station_name = 'ROOM ' || (id % 10)"))
        connection.execute(
            text(
                "UPDATE findings SET gray_brightness = 0.4 + (job_id * 7919 % 1000) / 3000.0,"
                " gray_contrast = 0.1 + (job_id * 6101 % 1000) / 7000.0,"
                " gray_sharpness = 1.5 + (job_id * 5003 % 1000) / 1500.0,"
                " strangeness = 0.4 + (job_id * 3001 % 1000) / 2500.0,"
                " decision = CASE WHEN job_id % 7 = 1 THEN 'positive' ELSE 'negative' END"
            )
        )
    engine.dispose()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(sys.argv[1:])
