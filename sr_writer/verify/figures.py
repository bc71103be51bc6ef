"""The figures as the masks give them, counted anew: those the SEG was found to hold."""

from dataclasses import replace

import numpy as np

from inference.findings import Findings, Laterality, LungMeasurement, Task


def recounted(findings: Findings) -> Findings:
    """`findings` with every figure that they give put in the masks' own words."""
    left, right = (_recounted(findings, side) for side in Laterality)
    infected, lung = (
        left.infected_pixels + right.infected_pixels,
        left.lung_pixels + right.lung_pixels,
    )
    share = None if findings.infected_percent is None else 100 * infected / max(lung, 1)
    return replace(findings, left=left, right=right, infected_percent=share)


def _recounted(findings: Findings, side: Laterality) -> LungMeasurement:
    lung, infected = (
        int(np.count_nonzero(findings.segment(task, side).mask))
        for task in (Task.LUNG, Task.INFECTION)
    )
    said = findings.measurement(side)
    share = None if said.infected_percent is None else 100 * infected / max(lung, 1)
    return replace(said, lung_pixels=lung, infected_pixels=infected, infected_percent=share)
