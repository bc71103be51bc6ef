"""What the first result of a process would wait for, done before there is a radiograph.

highdicom reads its tables of IODs when it builds its first object, 0.5 s; a worker does that before
it says that it is ready.
"""

from datetime import UTC, datetime

import numpy as np
from pydicom import Dataset
from pydicom.uid import ComputedRadiographyImageStorage

from inference.findings import (
    SEGMENTS,
    Decision,
    Findings,
    Laterality,
    LungMeasurement,
    ModelIdentity,
    Segment,
    SpacingSource,
    Task,
)
from inference.pipeline import Pipeline
from sr_writer.equipment import Equipment, derived_uid
from sr_writer.results import write_results


def warm_up() -> None:
    """Write the results of a radiograph of one pixel, and forget them."""
    write_results(_header(), _findings(), np.ones((1, 1), np.float32), Equipment(), _LONG_AGO)


_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_UID = derived_uid("warm-up")


def _header() -> Dataset:
    header = Dataset()
    header.SOPClassUID = ComputedRadiographyImageStorage
    header.SOPInstanceUID = header.StudyInstanceUID = header.SeriesInstanceUID = _UID
    return header


def _findings() -> Findings:
    """The one pixel is the left lung, so that every kind of content is built."""
    return Findings(
        source_sop_instance_uid=_UID,
        decision=Decision.NEGATIVE,
        reason="",
        segments=tuple(
            Segment(number, task, side, np.array([[number == 1]]))
            for number, (task, side) in enumerate(SEGMENTS, start=1)
        ),
        left=LungMeasurement(Laterality.LEFT, 1, 0, 0.0, 1.0, 0.0),
        right=LungMeasurement(Laterality.RIGHT, 0, 0, None, None, None),
        infected_percent=0.0,
        certainty=0.5,
        spacing_mm=(1.0, 1.0),
        spacing_source=SpacingSource.PIXEL_SPACING,
        cautions=(),
        pipeline=Pipeline(tuple(ModelIdentity(task, "warm-up", "0", "0" * 64) for task in Task)),
        durations_ms={},
    )
