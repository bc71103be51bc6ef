"""An invented patient's bones, seen from the front: centimetres of bone along the beam."""

import numpy as np

from dicom_node.demo.anatomy import Patient, Side, arm, rib_edge
from dicom_node.demo.grid import Grid, Map, arc, blur, tube_cm

RIB_PAIRS = 10
#: Ribs below these end in the belly's wall in front, too thin to see.
_FRONT_RIB_PAIRS = 8
#: Chest units from one vertebra to the next, about 2.2 cm.
_VERTEBRA = 0.125


def bones_cm(patient: Patient, grid: Grid, rng: np.random.Generator) -> Map:
    ribs = _ribs_cm(patient, grid, rng)
    collarbones = 0.8 * tube_cm(grid, _collarbones(patient, rng), 0.036, 0.012)
    arms = [arm(patient, side) for side in Side]
    joints = [bone[:1].repeat(2, 0) for bone in arms]
    shaft, head = tube_cm(grid, arms, 0.062, 0.018), tube_cm(grid, joints, 0.11, 0.012)
    limbs = 0.6 * np.maximum(shaft, head)
    return ribs + collarbones + limbs + _spine_cm(grid) + _shoulder_blades_cm(patient, grid)


def _ribs_cm(patient: Patient, grid: Grid, rng: np.random.Generator) -> Map:
    back, front = _ribs(patient, rng)
    across = np.abs(grid.x) / rib_edge(patient, grid.y)
    bony = np.clip((across - 0.42) / 0.3, 0, 1)  # towards the breastbone a rib is cartilage
    return 0.6 * tube_cm(grid, back, 0.031, 0.009) + 0.36 * bony * tube_cm(
        grid, front, 0.035, 0.008
    )


def _ribs(patient: Patient, rng: np.random.Generator) -> tuple[list[Map], list[Map]]:
    """Middle lines of the ribs' back parts, falling outwards, and front parts, falling inwards."""
    back, front = [], []
    pitch = (patient.base - patient.apex) / (RIB_PAIRS + 0.6)
    for side in Side:
        for rib in range(RIB_PAIRS):
            start = patient.apex - 0.02 + pitch * rib + rng.normal(0, 0.004)
            fall = 0.07 + 0.20 * min(1.0, rib / 4)
            turn = start + fall
            reach = float(rib_edge(patient, turn))
            back.append(
                arc([(0.02, start), (0.5 * reach, start - 0.02 + 0.18 * fall), (reach, turn)])
                * (side, 1)
            )
            if rib < _FRONT_RIB_PAIRS:
                tip = max(0.16, 0.5 * reach)
                front.append(
                    arc([(reach, turn), (0.8 * reach, turn + 0.14), (tip, turn + 0.19)]) * (side, 1)
                )
    return back, front


def _collarbones(patient: Patient, rng: np.random.Generator) -> list[Map]:
    """Each an S lying on its side, from the breastbone to the shoulder."""
    rise = rng.uniform(0.03, 0.12)
    low = patient.apex + rng.uniform(0.14, 0.22)
    middle = (0.48, low - 0.6 * rise)
    inner = arc([(0.10, low), (0.28, low - 0.01), middle])
    outer = arc([middle, (0.66, low - 1.3 * rise), (0.88, low - rise)])
    return [np.vstack([inner, outer]) * (side, 1) for side in Side]


def _spine_cm(grid: Grid) -> Map:
    """Vertebral bodies with discs between them, their pedicles and spinous processes."""
    within = (grid.y / _VERTEBRA) % 1.0 - 0.5  # one vertebra: -0.5 upper disc, 0.5 lower disc
    column = 1 / (1 + np.exp((np.abs(grid.x) - 0.095) / 0.008))
    body = 1 / (1 + np.exp((np.abs(within) - 0.42) / 0.03))
    y = within * _VERTEBRA
    pedicle = np.hypot((np.abs(grid.x) - 0.065) / 0.018, (y + 0.015) / 0.026)
    process = np.hypot(grid.x / 0.012, (y - 0.03) / 0.035)
    rings = np.exp(-((pedicle - 1) ** 2) / 0.08) + np.exp(-((process - 1) ** 2) / 0.1)
    return np.asarray(column * (0.40 + 0.12 * body) + 0.10 * rings)


def _shoulder_blades_cm(patient: Patient, grid: Grid) -> Map:
    """Turned out of the lungs, as the arms are held for this view, but not quite."""
    blades = np.zeros(grid.shape)
    top = patient.apex + 0.12
    for side in Side:
        across = grid.x * side
        inner = patient.breadth * 0.80 + 0.22 * (grid.y - top - 0.03)
        inside = (across > inner) & (across < inner + 0.30) & (grid.y > top)
        blades += inside & (grid.y < top + 0.63 - 0.6 * (across - inner))
    soft = blur(blades, grid, 0.012)
    thick_edge = np.clip(soft - blur(blades, grid, 0.05), 0, None)
    return 0.20 * soft + 0.6 * thick_edge
