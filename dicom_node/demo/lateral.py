"""A chest seen from the left, facing the image's left: what the node must not analyse."""

import numpy as np

from dicom_node.demo.grid import Grid, Map, Mask, arc, blur, disc, rod_cm, tube_cm

#: Shoulder to shoulder, cm.
_WIDTH_CM = 31.0


def lateral_lungs(grid: Grid) -> Mask:
    """Both lungs, one behind the other, between breastbone, spine and diaphragm."""
    chest = np.hypot((grid.x - 0.02 - 0.10 * grid.y) / 0.50, (grid.y + 0.02) / 0.78) < 1
    diaphragm = 0.22 + 1.1 * np.clip(grid.x - 0.05, 0, None) ** 1.5
    return np.asarray(chest & (grid.y < diaphragm))


def lateral_tissue_cm(grid: Grid) -> Map:
    """Soft tissue along the beam: the body less the air in it."""
    half = np.interp(
        grid.y, [-1.2, -0.95, -0.7, -0.3, 0.3, 1.2], [0.3, 0.32, 0.52, 0.70, 0.74, 0.7]
    )
    body = np.sqrt(np.clip(1 - np.abs((grid.x - 0.04) / half) ** 2.4, 0, None)) * _WIDTH_CM
    shoulders = 12.0 * blur(disc(grid, (0.05, -0.78), 0.28), grid, 0.08)
    heart = 0.55 * blur(disc(grid, (-0.20, 0.08), 0.24), grid, 0.02)
    lungs = blur(lateral_lungs(grid), grid, 0.015) * (1 - heart) * 0.62 * _WIDTH_CM
    trachea = rod_cm(grid, [arc([(-0.08, -1.2), (0.02, -0.7), (0.06, -0.25)])], 0.045)
    tissue = body + shoulders * (body > 0) - 0.75 * lungs - trachea
    return np.asarray(np.clip(tissue, 0.1 * body, None))


def lateral_bones_cm(grid: Grid) -> Map:
    """Ribs of both sides, the spine behind, the breastbone in front."""
    ribs = [
        arc([(0.44, y), (0.10, y + 0.06 + shift), (-0.42, y + 0.42 + shift)])
        for y in np.linspace(-0.72, 0.30, 9)
        for shift in (0.0, 0.035)
    ]
    spine = arc([(0.22, -1.2), (0.50, -0.1), (0.34, 1.2)])
    breastbone = arc([(-0.30, -0.62), (-0.46, -0.25), (-0.47, 0.15)])
    vertebrae = 0.75 + 0.25 * np.sign(np.sin(2 * np.pi * grid.y / 0.13))
    return np.asarray(
        0.4 * tube_cm(grid, ribs, 0.026, 0.008)
        + 0.35 * vertebrae * rod_cm(grid, [spine], 0.11)
        + 0.6 * tube_cm(grid, [breastbone], 0.035, 0.012)
    )
