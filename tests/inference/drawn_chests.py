"""Small chests drawn by rule, in the layout COVID-QU-Ex is published in: nothing real in them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.findings import Mask

#: Gray values, 0..1, far enough apart to be told by a threshold.
LUNG, INFECTED, BODY = 0.25, 0.5, 0.75
CLASSES = ("COVID-19", "Non-COVID", "Normal")


def chest(seed: int, infected: bool, size: int = 64) -> tuple[NDArray[np.uint8], Mask, Mask]:
    """Image, lungs, infection: two dark lungs in a bright body, a bright patch in the right one."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] / size
    lungs = np.zeros((size, size), np.bool_)
    # Each lung its own place and shape, or all chests would be near-duplicates.
    for middle in (0.28, 0.72):
        row, column = random.uniform(0.4, 0.6), middle + random.uniform(-0.04, 0.04)
        half_width, half_height = random.uniform(0.1, 0.16), random.uniform(0.2, 0.35)
        lungs |= ((columns - column) / half_width) ** 2 + ((rows - row) / half_height) ** 2 < 1
    patch = (columns - 0.28) ** 2 + (rows - random.uniform(0.35, 0.65)) ** 2 < 0.01
    infection = lungs & patch if infected else np.zeros_like(lungs)
    gray = np.where(lungs, LUNG, BODY) + (INFECTED - LUNG) * infection
    gray = gray + random.normal(0, 0.015, gray.shape) + 0.05 * random.uniform() * rows
    return np.rint(255 * gray.clip(0, 1)).astype(np.uint8), lungs, infection


def draw_split(
    folder: Path, each: int, first_seed: int = 0, *, masks: bool = True, size: int = 64
) -> Path:
    """`each` chests of every class; the published layout, with or without the folders of masks."""
    for number, label in enumerate(CLASSES):
        for index in range(each):
            image, lungs, infection = chest(
                first_seed + 100 * number + index, label == "COVID-19", size
            )
            planes = {"images": image}
            if masks:
                planes |= {"lung masks": _png(lungs), "infection masks": _png(infection)}
            for name, plane in planes.items():
                path = folder / label / name / f"chest ({index}).png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(plane).save(path)
    return folder


def _png(mask: Mask) -> NDArray[np.uint8]:
    return mask.astype(np.uint8) * 255
