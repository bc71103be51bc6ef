"""An invented patient's soft tissue and air, seen from the front: where it is and how thick.

Lengths are in chest units, see `grid`; x runs to the patient's left. The lungs are drawn as
COVID-QU-Ex outlines them: beside the heart, not behind it, and above the diaphragm.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import PchipInterpolator

from dicom_node.demo.grid import UNIT_CM, Grid, Map, Mask, blur, disc, lines, rod_cm


class Side(IntEnum):
    """The patient's side; its value is the sign of x there."""

    RIGHT = -1
    LEFT = 1


@dataclass(frozen=True, slots=True)
class Patient:
    """What differs from one invented patient to the next."""

    breadth: float  #: spine to the outer edge of the lungs at their base
    apex: float  #: y of the lungs' top
    domes: Mapping[Side, float]  #: y of each half of the diaphragm at its highest
    heart: tuple[float, float]  #: semi-axes, along and across
    heart_angle: float  #: radians from the x axis towards the feet
    thickness_cm: float  #: front to back at the spine
    arms: float  #: radians between the arms and the body
    lungs_meet: bool  #: in front of the great vessels, as emphysema makes them

    @property
    def base(self) -> float:
        """y of the lowest lung, in the angle between ribs and diaphragm."""
        return self.domes[Side.LEFT] + 0.3


def invent(rng: np.random.Generator, *, lungs_meet: bool = False) -> Patient:
    dome = rng.uniform(0.27, 0.37)
    return Patient(
        breadth=rng.uniform(0.72, 0.82),
        apex=rng.uniform(-0.80, -0.72),
        domes={Side.RIGHT: dome, Side.LEFT: dome + rng.uniform(0.03, 0.08)},
        heart=(rng.uniform(0.34, 0.42), rng.uniform(0.22, 0.27)),
        heart_angle=rng.uniform(0.5, 0.75),
        thickness_cm=rng.uniform(19.0, 25.0),
        arms=rng.uniform(0.25, 0.6),
        lungs_meet=lungs_meet,
    )


# --- lungs, heart, diaphragm ---------------------------------------------------------------------


def lung(patient: Patient, grid: Grid, side: Side) -> Mask:
    """Where the lung shows."""
    across = grid.x * side
    # Where the lungs meet, they do so at a line with a pixel on one side of it or the other.
    inside = (across < rib_edge(patient, grid.y)) & (across > _inner_edge(patient, grid.y))
    inside &= (across >= 0) if side is Side.LEFT else (across > 0)
    inside &= (grid.y > patient.apex) & (grid.y < _diaphragm(patient, grid, side))
    return np.asarray(inside & ~_mediastinum(patient, grid))


def rib_edge(patient: Patient, y: Map | float) -> Map:
    """How far the chest's inner wall is from the spine at height `y`."""
    return _by_height(patient, y, [0.29, 0.38, 0.48, 0.62, 0.77, 0.88, 0.96, 1.0]) * patient.breadth


def lung_cm(patient: Patient, grid: Grid, mask: Mask) -> Map:
    """Lung along the beam: round at its edge, then most of the chest."""
    from_edge = ndimage.distance_transform_edt(mask) * grid.step
    rise = np.sqrt(1 - np.clip(1 - from_edge / 0.25, 0, 1) ** 2)
    depth = (0.35 * mask + 0.65 * rise) * 0.70 * patient.thickness_cm
    return blur(depth, grid, 0.008)  # heart and breath move during the exposure


def hidden_lung_cm(patient: Patient, grid: Grid) -> Map:
    """Lung behind heart and diaphragm: what makes them darker than the belly."""
    across = np.abs(grid.x)
    behind = (across < 0.97 * rib_edge(patient, grid.y)) & (across > 0.1) & (grid.y > patient.apex)
    depth = np.clip(0.62 - grid.y, 0, 0.5) / 0.5 * 0.22 * patient.thickness_cm
    return blur(behind * depth, grid, 0.05)


def _inner_edge(patient: Patient, y: Map) -> Map:
    edge = [0.22, 0.17, 0.145, 0.13, 0.12, 0.12, 0.13, 0.14]
    if patient.lungs_meet:
        edge[3:6] = [0.05, -0.02, 0.05]
    return _by_height(patient, y, edge)


def _by_height(patient: Patient, y: Map | float, values: list[float]) -> Map:
    """A curve from the lungs' top to their base, bending most near the top."""
    at = np.clip((np.asarray(y) - patient.apex) / (patient.base - patient.apex), 0.0, 1.0)
    curve: Map = PchipInterpolator([0.0, 0.015, 0.05, 0.13, 0.3, 0.5, 0.75, 1.0], values)(at)
    return curve


def _diaphragm(patient: Patient, grid: Grid, side: Side) -> Map:
    """y of the diaphragm's upper surface at each x."""
    across = np.array([0.0, 0.2, 0.38, 0.55, 0.68, 0.78, 0.88]) * patient.breadth / 0.78
    drop = PchipInterpolator(across, [0.03, 0.01, 0.0, 0.03, 0.11, 0.21, 0.34])
    surface: Map = patient.domes[side] + drop(np.abs(grid.x))
    return surface


def _mediastinum(patient: Patient, grid: Grid) -> Mask:
    """Heart and great vessels, which hide the lung or push it aside."""
    heart = _heart(patient, grid)
    if patient.lungs_meet:
        return heart
    aortic_knob = disc(grid, (0.095, patient.apex + 0.40), 0.105)
    pulmonary_trunk = disc(grid, (0.085, patient.apex + 0.57), 0.115)
    return heart | aortic_knob | pulmonary_trunk


def _heart(patient: Patient, grid: Grid) -> Mask:
    along, short = patient.heart
    cos, sin = np.cos(patient.heart_angle), np.sin(patient.heart_angle)
    x, y = grid.x - 0.14, grid.y - (patient.domes[Side.LEFT] - 0.22)
    # From its widest point each border runs straight down to the diaphragm.
    widest = (along**2 - short**2) * sin * cos / np.hypot(along * cos, short * sin)
    y = np.minimum(y, np.sign(grid.x) * widest)
    inside: Mask = np.hypot((x * cos + y * sin) / along, (y * cos - x * sin) / short) < 1
    return inside


# --- the body around them ------------------------------------------------------------------------


def body_cm(patient: Patient, grid: Grid) -> Map:
    """The way through the body, lungs included: trunk, neck, shoulders and arms."""
    heights = [-1.5, -1.02, -0.9, -0.8, -0.7, -0.5, -0.2, 0.3, 0.8, 1.6]
    widths = [0.30, 0.28, 0.34, 0.62, 0.90, 1.06, 1.02, 1.00, 1.02, 1.06]
    depths = [0.60, 0.60, 0.66, 0.76, 0.86, 0.95, 1.0, 1.05, 1.12, 1.12]
    y = np.clip(grid.y, heights[0], heights[-1])
    half = PchipInterpolator(heights, widths)(y) * (patient.breadth + 0.16) / 0.94
    depth = PchipInterpolator(heights, depths)(y) * patient.thickness_cm
    trunk = depth * np.sqrt(np.clip(1 - np.abs(grid.x / half) ** 3.2, 0, None))
    arms = rod_cm(grid, [arm(patient, side) for side in Side], 0.25)
    return np.asarray(np.maximum(trunk, arms) + 0.25 * np.minimum(trunk, arms))


def arm(patient: Patient, side: Side) -> Map:
    """The line from the shoulder joint to the hand, (2, 2)."""
    shoulder = np.array([patient.breadth + 0.14, -0.56])
    hand = shoulder + 2.2 * np.array([np.sin(patient.arms), np.cos(patient.arms)])
    return np.asarray(np.array([shoulder, hand]) * (side, 1))


def windpipe_cm(patient: Patient, grid: Grid) -> Map:
    """Air in the trachea and the two main bronchi."""
    fork = (0.01, patient.apex + 0.5)
    trachea = np.array([(0.0, -1.6), fork])
    bronchi = [np.array([fork, (fork[0] + 0.17 * side, fork[1] + 0.15)]) for side in Side]
    return np.maximum(rod_cm(grid, [trachea], 0.045), 0.6 * rod_cm(grid, bronchi, 0.03))


def bowel_gas_cm(patient: Patient, grid: Grid, rng: np.random.Generator) -> Map:
    """The stomach's bubble under the left half of the diaphragm, and a little gas below it."""
    dome = patient.domes[Side.LEFT]
    high = rng.uniform(0.055, 0.105)
    bubbles = [(rng.uniform(0.34, 0.50), dome + 0.06 + high, rng.uniform(0.11, 0.18), high)]
    for _ in range(rng.integers(0, 5)):
        place = rng.uniform(-0.5, 0.6), dome + rng.uniform(0.3, 0.6)
        bubbles.append((*place, rng.uniform(0.03, 0.07), rng.uniform(0.025, 0.05)))
    gas = np.zeros(grid.shape)
    for x, y, wide, high in bubbles:
        inside = 1 - ((grid.x - x) / wide) ** 2 - ((grid.y - y) / high) ** 2
        gas = np.maximum(gas, 2 * UNIT_CM * high * np.sqrt(np.clip(inside, 0, None)))
    return 0.8 * gas


# --- vessels -------------------------------------------------------------------------------------

#: Chest units, the radius of a vessel at the hilum; each fork leaves this share of it.
_HILUM_RADIUS, _TAPER, _FORKS = 0.022, 0.74, 6


def vessels_cm(patient: Patient, grid: Grid, rng: np.random.Generator) -> Map:
    """Blood in the vessels that branch from the hila, thinner at every fork."""
    by_order: list[list[Map]] = [[] for _ in range(_FORKS)]
    for side in Side:
        hilum = np.array([0.20, patient.domes[side] - 0.40])
        for heading in np.linspace(-1.35, 1.45, 8) + rng.normal(0, 0.1, 8):
            _branch(by_order, hilum, heading, 0.15, side, rng)
    blood = np.zeros(grid.shape)
    for order, segments in enumerate(by_order):
        radius = _HILUM_RADIUS * _TAPER**order
        width = max(radius, 0.7 * grid.step)
        # A line one pixel wide keeps 1 / (2.5 width) of its height after a Gaussian.
        height = 2.5 * width / grid.step * 3.0 * radius * UNIT_CM
        blood += height * blur(lines(grid, segments), grid, width)
    return blood


def _branch(
    by_order: list[list[Map]],
    start: NDArray[np.float64],
    heading: float,
    length: float,
    side: Side,
    rng: np.random.Generator,
) -> None:
    """Add a vessel and all that comes of it; `by_order` holds its own and the later orders."""
    if not by_order:
        return
    bend = heading + rng.normal(0, 0.18)
    middle = start + 0.5 * length * np.array([np.cos(heading), np.sin(heading)])
    end = middle + 0.5 * length * np.array([np.cos(bend), np.sin(bend)])
    by_order[0].append(np.array([start, middle, end]) * (side, 1))
    for turn in (-0.42, 0.38):
        onward = bend + turn * rng.uniform(0.5, 1.3)
        _branch(by_order[1:], end, onward, length * rng.uniform(0.7, 0.95), side, rng)
