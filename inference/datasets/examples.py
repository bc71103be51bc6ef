"""Cases on the networks' square, all in memory at once: what a network learns from."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from inference.datasets.cases import Case, DatasetError
from inference.decode import Radiograph, read_radiograph
from inference.findings import Mask, Task
from inference.resize import fit

#: Image 0..255, mask and lungs 0..1, (size, size) each.
_Squares: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Examples:
    """Cases of one task as one block of memory: COVID-QU-Ex Train is 244 MB of images."""

    images: torch.Tensor  #: (n, size, size) uint8, upright, bright = dense
    masks: torch.Tensor  #: (n, size, size) uint8, 1 inside
    names: tuple[str, ...]
    lungs: torch.Tensor | None = None  #: likewise, empty where not known; None: not asked for

    def __len__(self) -> int:
        return len(self.names)

    def pick(self, chosen: NDArray[np.bool_]) -> "Examples":
        where = torch.from_numpy(np.flatnonzero(chosen))
        names = tuple(self.names[index] for index in where.tolist())
        lungs = None if self.lungs is None else self.lungs[where]
        return Examples(self.images[where], self.masks[where], names, lungs)

    def to(self, device: torch.device) -> "Examples":
        lungs = None if self.lungs is None else self.lungs.to(device)
        return Examples(self.images.to(device), self.masks.to(device), self.names, lungs)


def load_examples(
    cases: Sequence[Case],
    task: Task,
    size: int,
    *,
    only_lungs: bool = False,
    with_lungs: bool = False,
    progress: Callable[[Iterable[int]], Iterable[int]] = lambda steps: steps,
) -> Examples:
    """All cases that have a mask for `task`, on the networks' upright square.

    `only_lungs` blackens all that is not lung, as the paper's cascaded scheme does (section 4.2);
    `with_lungs` fills `Examples.lungs`.
    Raises DatasetError where no case has what is needed.
    """

    def load(case: Case) -> _Squares | None:
        truth = case.mask(task)
        lungs = case.mask(Task.LUNG) if only_lungs or with_lungs else None
        # A lung mask without lungs is no truth, it is a network's admission that it failed.
        if truth is None or (only_lungs and lungs is None):
            return None
        if task is Task.LUNG and not truth.any():
            return None
        squares = _on_square(read_radiograph(case.source()), truth, lungs, size)
        return _only_lungs(squares) if only_lungs else squares

    # Decoding releases the interpreter lock.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        loading = pool.map(load, cases)
        loaded = {
            index: squares for index in progress(range(len(cases)))
            if (squares := next(loading)) is not None
        }  # fmt: skip
    if not loaded:
        raise DatasetError(f"none of {len(cases)} cases has a true {task.value} mask")
    images, masks, lungs = map(_stacked, zip(*loaded.values(), strict=True))
    names = tuple(cases[index].name for index in loaded)
    return Examples(images, masks, names, lungs if with_lungs else None)


def _on_square(radiograph: Radiograph, truth: Mask, lungs: Mask | None, size: int) -> _Squares:
    """All upright; lungs that are not known are empty."""
    orientation = radiograph.orientation
    image = np.rint(fit(radiograph.pixels, orientation, size) * 255).astype(np.uint8)

    def inside(mask: Mask) -> NDArray[np.uint8]:
        return (fit(mask.astype(np.float32), orientation, size) > 0.5).astype(np.uint8)

    return image, inside(truth), np.zeros_like(image) if lungs is None else inside(lungs)


def _only_lungs(squares: _Squares) -> _Squares:
    image, truth, lungs = squares
    return image * lungs, truth, lungs


def _stacked(squares: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
    return torch.from_numpy(np.stack(squares))
