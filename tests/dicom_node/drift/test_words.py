"""A drift in words: its evidence, in what a person measures it by; names stay text."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dicom_node.drift.measures import Measure
from dicom_node.drift.words import name_of, said_of
from dicom_node.ledger import Device, Drift

DRIFT = Drift(
    Device("Maker", "Model", "XR-2", "PACS", "below 100 kV"), "sharpness",
    datetime(2026, 3, 1, tzinfo=UTC), 1.519, 1.832, 412, 1630, -2.0, 1 / 240,
    datetime(2026, 2, 22, tzinfo=UTC),
)  # fmt: skip


def test_a_drift_is_said_with_its_evidence() -> None:
    assert said_of(DRIFT) == (
        "sharpness fell from 1.83 to 1.52 (medians; the last 7 days beside the 28 before; 412 and"
        " 1,630 images; by chance once in 240 days)"
    )


@pytest.mark.parametrize(
    ("measure", "now", "before", "words"),
    [
        ("positive", 0.4, 0.1, "positives rose from 10.0 % to 40.0 % (shares;"),
        ("infected", 30.0, 20.0, "the infected part of positives rose from 20.0 % to 30.0 % (med"),
        ("brightness", 0.7, 0.58, "brightness rose from 58.0 % to 70.0 % (medians;"),
        ("not analysed", 0.2, 0.0, "images not analysed rose from 0.0 % to 20.0 % (shares;"),
        ("strangeness", 0.9, 0.6, "strangeness rose from 0.60 to 0.90 (medians;"),
    ],
)
def test_each_measure_is_said_in_its_unit(
    measure: str, now: float, before: float, words: str
) -> None:
    said = said_of(replace(DRIFT, measure=measure, now=now, before=before, effect=2.0))
    assert said.startswith(words)


def test_what_a_newer_version_compares_is_said_too() -> None:
    assert said_of(replace(DRIFT, measure="noise")).startswith("noise fell from 1.83 to 1.52 (med")


def test_every_measure_has_words() -> None:
    assert all(said_of(replace(DRIFT, measure=measure.value)) for measure in Measure)


@pytest.mark.parametrize(
    ("chance", "words"),
    [
        (1.0, "every day"),
        (1 / 90, "once in 90 days"),
        (1 / 3652.5, "once in 10 years"),
        (0.0, "less than once in 1,000 years"),
    ],
)
def test_how_seldom_chance_does_it(chance: float, words: str) -> None:
    assert f"by chance {words}" in said_of(replace(DRIFT, chance=chance))


def test_a_device_is_named_by_all_that_its_images_say() -> None:
    assert name_of(DRIFT.device) == "XR-2 (Maker Model) by PACS, below 100 kV"
    assert name_of(Device("", "", "")) == "no station name"


def test_a_hostile_name_is_a_line_of_text() -> None:
    name = name_of(Device("\x1b[31mRED", "two\nlines", "turned \u202e round" * 20, "A\tB"))
    assert name.isprintable()
    assert "\n" not in name
    assert len(name) < 300
