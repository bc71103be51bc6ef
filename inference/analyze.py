"""One radiograph, from DICOM to Findings: decode, resize, networks, post-process, quantify.

The table of contents of this package: each stage is one module, and each hands the next a small
frozen value.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset

from inference.decode import Radiograph, read_radiograph
from inference.direction import segment_upright
from inference.engines import Engine
from inference.findings import Caution, Findings
from inference.gray.quality import GrayStatistics, gray_cautions, gray_statistics
from inference.pipeline import STANDARD, Pipeline, Settings, Task
from inference.postprocess import clean, note_missing, restore_masks
from inference.quantify import quantify
from inference.resize import fit


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found, and the radiograph it was found in."""

    findings: Findings
    radiograph: Radiograph  #: as the networks saw it: turned and inverted where that was needed
    gray: GrayStatistics  #: likewise
    strangeness: float  #: `ProbabilityMaps.strangeness` of it so, 0 upwards


def analyze(
    source: Path | bytes | Dataset,
    engine: Engine,
    settings: Settings = STANDARD,
    refusal: str = "",
) -> Analysis:
    """Analyse one DICOM instance; raises UndecodableImage. `refusal`: `Findings.refusal`."""
    pipeline = Pipeline(engine.models, settings)
    clock = _Clock({})
    with clock.stage("decode"):
        radiograph = read_radiograph(source)
    with clock.stage("resize"):
        square = fit(radiograph.pixels, radiograph.orientation, engine.size)
        radiograph = radiograph.with_cautions(*gray_cautions(square))
    with clock.stage("networks"):
        view = segment_upright(radiograph, square, engine, settings)
        radiograph = view.radiograph
        if view.strangeness > settings.strange_above:
            radiograph = radiograph.with_cautions(Caution.STRANGE)
    with clock.stage("postprocess"):
        rows, columns = radiograph.pixels.shape
        calibration = pipeline.model(Task.INFECTION).calibration
        cleaned = clean(view.lungs, view.infection, settings, view.doubt, calibration)
        masks = restore_masks(cleaned, radiograph.orientation, (rows, columns))
        masks = note_missing(masks, radiograph.flat_rows)
    with clock.stage("quantify"):
        findings = quantify(masks, radiograph, pipeline, clock.durations_ms, refusal)
        is_inverse = Caution.POLARITY_CORRECTED in radiograph.cautions
        gray = gray_statistics(1 - square if is_inverse else square)
    return Analysis(findings, radiograph, gray, view.strangeness)


@dataclass(frozen=True, slots=True)
class _Clock:
    """How long each stage took."""

    durations_ms: dict[str, float]

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.durations_ms[name] = 1000 * (time.perf_counter() - started)
