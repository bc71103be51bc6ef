"""A pipeline's digest names its results: whatever changes one changes the other."""

import hashlib
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.decode import read_radiograph
from inference.findings import Findings
from inference.lungs import find_lungs
from inference.pipeline import (
    REVISION,
    STANDARD,
    Calibration,
    ModelIdentity,
    Pipeline,
    Settings,
    Task,
)
from inference.postprocess import clean, restore_masks
from inference.quantify import quantify
from tests.inference.instances import instance, smooth

Map = NDArray[np.float32]

SIZE = 256
#: Rows and columns of the source.
SHAPE = (300, 260)
CALIBRATION = Calibration(slope=1.0, offset=3.0)
MODELS = (
    ModelIdentity(Task.LUNG, "fpn-resnet18", "1", "0" * 64),
    ModelIdentity(Task.INFECTION, "fpn-resnet18", "1", "0" * 64, calibration=CALIBRATION),
)

#: What the standard pipeline of these models makes of the drawn maps below. When this test fails,
#: results have changed: give `inference.pipeline.REVISION` its next number, so that the UIDs change
#: as well, and write down both values.
DIGEST = "d60591ce3b7765c080246ca1e0818f81e0e1b86bca950e353659df453329aba2"
RESULTS = "82326112e09c9782099052da774a4538814c0ed1ae6f88628ecfc8fecc6db7a6"

#: Likewise of the gray values of one picture under different headers.
GRAY = "cc37ad4eb1be85db38d8fb20e74087d18c441a6ba4202f25d3f1c92ff95f889e"
HEADERS: tuple[dict[str, Any], ...] = (
    {},
    {"WindowCenter": 1500, "WindowWidth": 2200},
    {"WindowCenter": [300, 2000], "WindowWidth": [100, 4000]},
    {"PhotometricInterpretation": "MONOCHROME1"},
    {"RescaleSlope": -1, "RescaleIntercept": 4095, "WindowCenter": 2048, "WindowWidth": 4096},
    {"PixelPaddingValue": 0},
)


def test_results_do_not_change_while_the_digest_stays() -> None:
    pipeline = Pipeline(MODELS)
    assert (pipeline.digest, _results(pipeline)) == (DIGEST, RESULTS)


def test_gray_values_do_not_change_while_the_revision_stays() -> None:
    """What comes before the networks is in no setting: `REVISION` speaks for it."""
    seen = hashlib.sha256()
    for header in HEADERS:
        pixels = read_radiograph(instance(smooth(*SHAPE), **header)).pixels
        # In steps that no processor rounds apart.
        seen.update(np.round(pixels * 255 + 1 / 16).astype(np.uint8).tobytes())
    assert (REVISION, seen.hexdigest()) == ("5", GRAY)


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
def test_every_setting_is_in_the_digest(name: str) -> None:
    changed = replace(STANDARD, **{name: getattr(STANDARD, name) / 2})
    assert Pipeline(MODELS, changed).digest != Pipeline(MODELS).digest


def test_a_network_is_named_by_its_weights_and_not_by_what_it_is_called() -> None:
    lung, infection = MODELS
    renamed = replace(lung, name="another name", version="2")
    assert Pipeline((renamed, infection)).digest == Pipeline(MODELS).digest
    for changed in (
        replace(infection, sha256="c" * 64),
        replace(infection, percent_error_points=9.0),
        replace(infection, calibration=None),
        replace(infection, calibration=Calibration(slope=1.0, offset=1.4)),
    ):
        assert Pipeline((lung, changed)).digest != Pipeline(MODELS).digest


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lung_above", 0.9),
        ("least_region_share", 0.01),
        ("infection_above", 0.99),
        ("strength_share", 0.001),
        ("positive_above", 0.95),
        ("negative_below", 5e-5),
        ("least_infection_share", 0.2),
        ("least_lung_share", 0.9),
        ("greatest_lung_share", 0.1),
        ("least_certainty", 1.0),
        ("least_certainty_unusual", 0.5),
    ],
)
def test_a_setting_does_what_it_says(name: str, value: float) -> None:
    """None is there for the digest alone."""
    changed = Pipeline(MODELS, replace(STANDARD, **{name: value}))
    assert _results(changed) != _results(Pipeline(MODELS))


def _results(pipeline: Pipeline) -> str:
    said = hashlib.sha256()
    for lung, infection in _drawn():
        findings = _findings(lung, infection, pipeline)
        for segment in findings.segments:
            said.update(np.packbits(segment.mask).tobytes())
        codes = [caution.code for caution in findings.cautions]
        certainty = findings.certainty and round(findings.certainty, 6)
        told = findings.decision, certainty, findings.reason, codes
        said.update(repr(told).encode())
    return said.hexdigest()


def _findings(lung: Map, infection: Map, pipeline: Pipeline) -> Findings:
    radiograph = read_radiograph(instance(smooth(*SHAPE), PatientOrientation=["L", "F"]))
    lungs = find_lungs(lung, pipeline.settings)
    calibration = pipeline.model(Task.INFECTION).calibration
    cleaned = clean(lungs, infection, pipeline.settings, calibration=calibration)
    masks = restore_masks(cleaned, radiograph.orientation, SHAPE)
    return quantify(masks, radiograph, pipeline, {})


def _drawn() -> Iterator[tuple[Map, Map]]:
    """Lungs apart, touching and alone; infection clear, faint, too little and none."""
    right, left = _hill(130, 75, 90, 42), _hill(130, 182, 85, 38)
    both = np.maximum(right, left)
    nothing = np.zeros_like(both)
    yield (both, _hill(150, 80, 30, 25))
    yield (np.maximum(both, _hill(235, 128, 15, 15)), _hill(150, 80, 30, 25))
    yield (both, np.float32(0.4) * _hill(100, 190, 20, 20))
    yield (both, _hill(150, 80, 3, 3))
    yield (both, nothing)
    yield (np.maximum(both, _hill(60, 128, 12, 60)), _hill(120, 120, 60, 60))
    yield (right, nothing)
    yield (nothing, nothing)


def _hill(row: int, column: int, height: int, width: int) -> Map:
    """1 in the middle, 0.5 at the ellipse, 0 far out; in steps that no processor rounds apart."""
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    distance = ((rows - row) / height) ** 2 + ((columns - column) / width) ** 2
    return np.asarray(np.round(1024 / (1 + distance**8)) / 1024, np.float32)
