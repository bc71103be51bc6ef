"""The phantom: a chest radiograph drawn from nothing, with the truth about what is in it.

It is for the demo, for tests and for load, where no patient's image may be used or is at hand. It
is drawn as a radiograph comes about, see `radiography`, so that networks trained on real images
find its lungs. It is no substitute for them: nothing about accuracy can be learned from it.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dicom_node.demo.anatomy import (
    Patient,
    Side,
    body_cm,
    bowel_gas_cm,
    hidden_lung_cm,
    invent,
    lung,
    lung_cm,
    vessels_cm,
    windpipe_cm,
)
from dicom_node.demo.grid import Grid, Map, Mask, blur, lay_grid, lines
from dicom_node.demo.lateral import lateral_bones_cm, lateral_lungs, lateral_tissue_cm
from dicom_node.demo.radiography import (
    Settings,
    choose_settings,
    display,
    expose,
    resized_mask,
    sharpen,
    with_noise,
)
from dicom_node.demo.skeleton import bones_cm

#: Pixels along the short side of the drawing; the radiograph is that, enlarged, with its noise.
_DRAWN_PIXELS = 640
#: Share of inflated lung that is air.
_AIR = 0.75


class Kind(StrEnum):
    """What the phantom shows."""

    HEALTHY = "healthy"
    LEFT_OPACITY = "left_opacity"
    RIGHT_OPACITY = "right_opacity"
    BILATERAL_OPACITIES = "bilateral_opacities"
    TOUCHING_LUNGS = "touching_lungs"  #: healthy lungs that meet in the middle
    WHITE_LUNG = "white_lung"  #: one lung, left or right by the seed, wholly opaque
    LATERAL = "lateral"  #: from the side: not to be analysed, and without true masks
    BLANK = "blank"  #: an exposure with nobody there


@dataclass(frozen=True, slots=True)
class Phantom:
    """A radiograph and its truth, all (rows, columns); sides are the patient's."""

    kind: Kind
    seed: int
    image: NDArray[np.float32]  #: 0..1, bright = dense
    left_lung: Mask  #: without the part behind the heart, with its opacities
    right_lung: Mask  #: likewise
    left_infection: Mask  #: within the left lung
    right_infection: Mask  #: within the right lung


def draw(kind: Kind, *, rows: int = 3056, columns: int = 2544, seed: int = 0) -> Phantom:
    """The same arguments give the same phantom; the same seed is the same patient."""
    shape = (rows, columns)
    # Streams of their own: an opacity leaves the patient and the ribs where they were.
    streams = np.random.default_rng(seed).spawn(5)
    if kind is Kind.BLANK:
        return _without_truth(kind, seed, _blank(shape, streams[3]))
    settings = choose_settings(streams[4], in_bed=bool(_affected(kind, seed)))
    if kind is Kind.LATERAL:
        return _without_truth(kind, seed, _lateral(shape, settings, streams))
    return _frontal(kind, seed, shape, settings, streams)


def _frontal(
    kind: Kind,
    seed: int,
    shape: tuple[int, int],
    settings: Settings,
    streams: list[np.random.Generator],
) -> Phantom:
    body, disease, film, noise, _ = streams
    patient = invent(body, lungs_meet=kind is Kind.TOUCHING_LUNGS)
    grid = _place(shape, body)
    lungs = {side: lung(patient, grid, side) for side in Side}
    opaque = {side: np.zeros(grid.shape) for side in Side}
    for side, rng in zip(Side, disease.spawn(2), strict=True):
        if side in _affected(kind, seed):
            opaque[side] = _opacity(kind, side, lungs[side], grid, rng)
    tissue = _tissue_cm(patient, grid, lungs, opaque, body)
    density = sharpen(expose(tissue, bones_cm(patient, grid, body), grid, settings), grid, settings)
    lungs_at = float(np.percentile(density[lungs[Side.LEFT] | lungs[Side.RIGHT]], 25))
    sides = (Side.LEFT, Side.RIGHT)
    return Phantom(
        kind,
        seed,
        _develop(density, lungs_at, shape, settings, film, noise),
        *(resized_mask(lungs[side], shape) for side in sides),
        *(resized_mask(lungs[side] & (opaque[side] > _SEEN), shape) for side in sides),
    )


def _place(shape: tuple[int, int], rng: np.random.Generator) -> Grid:
    """The drawing's grid, with the patient near the middle and nearly straight."""
    return lay_grid(
        *_drawn_shape(shape),
        # The plate is laid across for those who are broad: they fill it all the same.
        scale=rng.uniform(0.94, 1.10) * np.sqrt(min(1.0, shape[0] / shape[1])),
        tilt=rng.uniform(-0.04, 0.04),
        shift=(rng.uniform(-0.04, 0.04), rng.uniform(-0.04, 0.08)),
    )


def _drawn_shape(shape: tuple[int, int]) -> tuple[int, int]:
    rows, columns = (round(_DRAWN_PIXELS * side / min(shape)) for side in shape)
    return rows, columns


def _tissue_cm(
    patient: Patient,
    grid: Grid,
    lungs: dict[Side, Mask],
    opaque: dict[Side, Map],
    rng: np.random.Generator,
) -> Map:
    """Soft tissue along the beam: the body less the air in it."""
    depth = {side: lung_cm(patient, grid, lungs[side]) for side in Side}
    airy = sum((depth[side] * (1 - opaque[side]) for side in Side), np.zeros(grid.shape))
    airy = airy * (1 + 0.025 * _mottle(grid, 1.0, rng))
    hidden = hidden_lung_cm(patient, grid) * (1 - opaque[Side.LEFT] - opaque[Side.RIGHT])
    air = _AIR * np.maximum(airy, hidden)
    air += windpipe_cm(patient, grid) + bowel_gas_cm(patient, grid, rng)
    body = body_cm(patient, grid)
    # Blood shows where air surrounds it.
    blood = vessels_cm(patient, grid, rng) * np.minimum(airy / (0.3 * patient.thickness_cm), 1)
    return np.asarray(body - np.minimum(air, 0.85 * body) + blood)


# --- opacities -----------------------------------------------------------------------------------

#: Share of the air replaced above which a reader would draw the opacity.
_SEEN = 0.22


def _affected(kind: Kind, seed: int) -> tuple[Side, ...]:
    match kind:
        case Kind.LEFT_OPACITY:
            return (Side.LEFT,)
        case Kind.RIGHT_OPACITY:
            return (Side.RIGHT,)
        case Kind.BILATERAL_OPACITIES:
            return (Side.LEFT, Side.RIGHT)
        case Kind.WHITE_LUNG:
            return (Side.LEFT,) if seed % 2 else (Side.RIGHT,)
        case _:
            return ()


def _opacity(kind: Kind, side: Side, mask: Mask, grid: Grid, rng: np.random.Generator) -> Map:
    """Share of the lung's air replaced, 0..1: mottled patches, far out as in COVID-19."""
    half = grid.x * side > 0
    if kind is Kind.WHITE_LUNG:
        return np.where(half, 0.97, 0.0)
    rows, columns = np.nonzero(mask)
    across, y = np.abs(grid.x[rows, columns]), grid.y[rows, columns]
    likely = np.exp(-(((across - 0.5) / 0.15) ** 2) - (y / 0.22) ** 2)
    patches = np.zeros(grid.shape)
    for place in rng.choice(rows.size, rng.integers(4, 7), p=likely / likely.sum()):
        wide, high = rng.uniform(0.12, 0.22), rng.uniform(0.12, 0.25)
        x, y = side * across[place], grid.y[rows[place], columns[place]]
        patches += np.exp(-(((grid.x - x) / wide) ** 2) - ((grid.y - y) / high) ** 2)
    # Filled and airy at every scale, down to the lobules: what is smooth is soft tissue before it.
    uneven = np.clip(1 + 0.3 * _mottle(grid, 1.0, rng), 0, None)
    replaced = rng.uniform(0.45, 0.55) * np.clip(np.clip(1.3 * patches, 0, 1) * uneven, 0, 1.35)
    return np.asarray(np.where(half, replaced, 0.0))


def _mottle(grid: Grid, roughness: float, rng: np.random.Generator) -> Map:
    """Structure at every scale, mean 0 and deviation 1; rougher with a smaller exponent."""
    rows, columns = grid.shape
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal(grid.shape)) / frequency**roughness
    mottle: Map = np.fft.irfft2(spectrum, grid.shape)
    return np.asarray(mottle / mottle.std())


# --- what is no frontal chest --------------------------------------------------------------------


def _lateral(
    shape: tuple[int, int], settings: Settings, streams: list[np.random.Generator]
) -> NDArray[np.float32]:
    body, _, film, noise, _ = streams
    grid = _place(shape, body)
    exposed = expose(lateral_tissue_cm(grid), lateral_bones_cm(grid), grid, settings)
    density = sharpen(exposed, grid, settings)
    lungs_at = float(np.percentile(density[lateral_lungs(grid)], 25))
    return _develop(density, lungs_at, shape, settings, film, noise)


def _blank(shape: tuple[int, int], noise: np.random.Generator) -> NDArray[np.float32]:
    """Grey, a little darker towards the anode as every tube makes it."""
    grid = lay_grid(*_drawn_shape(shape))
    return np.clip(with_noise(0.5 + 0.03 * grid.y, shape, noise), 0, 1)


def _without_truth(kind: Kind, seed: int, image: NDArray[np.float32]) -> Phantom:
    return Phantom(kind, seed, image, *(np.zeros(image.shape, bool) for _ in range(4)))


# --- the plate -----------------------------------------------------------------------------------

#: Strokes of a letter one high and one wide, its middle at (0, 0).
_STROKES = {
    Side.RIGHT: [
        [(-0.3, 0.5), (-0.3, -0.5), (0.1, -0.5), (0.3, -0.35), (0.3, -0.15), (0.1, 0.0)],
        [(0.1, 0.0), (-0.3, 0.0)],
        [(0.0, 0.0), (0.35, 0.5)],
    ],
    Side.LEFT: [[(-0.3, -0.5), (-0.3, 0.5), (0.35, 0.5)]],
}


def _develop(
    density: Map,
    lungs_at: float,
    shape: tuple[int, int],
    settings: Settings,
    film: np.random.Generator,
    noise: np.random.Generator,
) -> NDArray[np.float32]:
    field = lay_grid(*density.shape)
    belly_at = float(np.percentile(density, 97))
    marked = np.where(_marker(field, film), belly_at + 0.5, density)
    image = display(with_noise(marked, shape, noise), lungs_at, belly_at, settings)
    return _collimate(image, film)


def _marker(field: Grid, rng: np.random.Generator) -> Mask:
    """A letter of lead in an upper corner, on the side it names."""
    side = Side.LEFT if rng.random() < 0.5 else Side.RIGHT
    from_edge = rng.uniform(0.12, 0.20, 2)
    middle = (side * (field.x[0, -1] - from_edge[0]), field.y[0, 0] + from_edge[1])
    strokes = [middle + 0.08 * np.array(stroke) for stroke in _STROKES[side]]
    return np.asarray(blur(lines(field, strokes), field, 0.008) > 0.12)


def _collimate(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Black where the collimator's blades were, on some machines."""
    margins = np.rint(rng.uniform(0, 0.03, 4) * (rng.random() < 0.4) * min(image.shape)).astype(int)
    top, bottom, left, right = margins
    rows, columns = image.shape
    framed = np.zeros_like(image)
    inner = np.s_[top : rows - bottom, left : columns - right]
    framed[inner] = image[inner]
    return framed
