"""From thickness to grey: absorption, scatter, quantum noise and the display curve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from dicom_node.demo.grid import Grid, Map, Mask, blur

#: Linear attenuation per cm: soft tissue at about 70 keV, and bone at what the patient's tissue
#: leaves of the beam, beyond the tissue it takes the place of.
MU_TISSUE, MU_BONE = 0.19, 0.55
#: Share of the rays reaching the detector that were scattered: standing, behind a grid; in bed.
_SCATTERED_STANDING, _SCATTERED_IN_BED = 0.5, 0.6
#: Quanta in a pixel of 0.14 mm without a patient.
_QUANTA = 75_000
_QUANTA_PIXELS = 3056 * 2544


@dataclass(frozen=True, slots=True)
class Settings:
    """How this exposure was processed; each machine has its own look."""

    scattered: float  #: share of the rays that tell nothing, 0..1
    sharpening: float  #: weight of fine structure
    contrast: float  #: slope of the display curve
    brightness: float  #: shift of the display curve, -0.1..0.1


def choose_settings(rng: np.random.Generator, *, in_bed: bool) -> Settings:
    """The ill are examined in bed, without a grid: hazier, and printed harder to make up for it."""
    brightness = rng.uniform(-0.03, 0.03)
    if in_bed:
        return Settings(_SCATTERED_IN_BED, 0.0, rng.uniform(6.6, 7.4), brightness)
    return Settings(_SCATTERED_STANDING, rng.uniform(0.15, 0.3), rng.uniform(5.2, 6.2), brightness)


def expose(tissue_cm: Map, bone_cm: Map, grid: Grid, settings: Settings) -> Map:
    """Optical density of the detector's image: minus the logarithm of what arrives, 0 in air."""
    primary = np.exp(-MU_TISSUE * tissue_cm - MU_BONE * bone_cm)
    # So smooth that every fourth pixel is enough, at a sixteenth of the time.
    coarse = np.ascontiguousarray(primary[::4, ::4])
    haze = resized(ndimage.gaussian_filter(coarse, 0.03 / grid.step, mode="nearest"), grid.shape)
    mixed = (1 - settings.scattered) * primary + settings.scattered * haze
    return np.asarray(-np.log(mixed))


def sharpen(density: Map, grid: Grid, settings: Settings) -> Map:
    """Fine structure raised, as every digital system does before display."""
    coarse, fine = (density - blur(density, grid, width) for width in (0.06, 0.015))
    return np.asarray(density + settings.sharpening * coarse + 0.4 * fine)


def with_noise(
    density: Map, shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """The density at its full size, each pixel with the noise of its quanta."""
    full = resized(density, shape)
    quanta = _QUANTA * max(1.0, _QUANTA_PIXELS / full.size)
    noise = rng.standard_normal(full.shape, np.float32) / np.sqrt(quanta)
    return np.asarray(full + noise * np.exp(np.minimum(full, 5) / 2), np.float32)


def display(
    density: NDArray[np.float32], lungs_at: float, belly_at: float, settings: Settings
) -> NDArray[np.float32]:
    """Grey 0..1, bright = dense, with the lungs dark and the belly nearly white."""
    scaled = (density - lungs_at) / (belly_at - lungs_at) * 0.6 + 0.22 + settings.brightness
    return np.asarray(1 / (1 + np.exp(-settings.contrast * (scaled - 0.5))), np.float32)


def resized(values: NDArray[np.generic], shape: tuple[int, int]) -> NDArray[np.float32]:
    rows, columns = shape
    # One axis, then the other: five times as fast as interpolating in two dimensions.
    return np.ascontiguousarray(_along(_along(values.astype(np.float32), rows).T, columns).T)


def resized_mask(mask: Mask, shape: tuple[int, int]) -> Mask:
    return np.asarray(resized(mask, shape) > 0.5) if mask.any() else np.zeros(shape, bool)


def _along(values: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    """As many rows as asked for: averages when much fewer, else linear in between."""
    drawn = values.shape[0]
    if drawn > 1.5 * rows:
        starts = np.arange(rows) * drawn // rows
        counts = np.diff(starts, append=drawn).astype(np.float32)
        return np.asarray(np.add.reduceat(values, starts, axis=0) / counts[:, None])
    at = np.clip((np.arange(rows) + 0.5) * drawn / rows - 0.5, 0, drawn - 1)
    above = np.minimum(at.astype(np.int64), drawn - 2)
    part = (at - above).astype(np.float32)[:, None]
    return np.asarray(values[above] * (1 - part) + values[above + 1] * part)
