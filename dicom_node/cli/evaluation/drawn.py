"""Drawn chests as cases for `cxr-node evaluate`: of no hospital at all, with a known truth."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from dicom_node.demo.phantom import Kind, Phantom, draw
from dicom_node.demo.phantom_dicom import as_dicom
from inference.findings import Mask, Task

#: A quarter of a 35 x 43 cm plate's pixels in each direction: three times what the networks see.
ROWS, COLUMNS = 764, 636


@dataclass(frozen=True, slots=True)
class DrawnCase:
    """One phantom."""

    kind: Kind
    seed: int

    @property
    def name(self) -> str:
        return f"{self.kind.value}/{self.seed}"

    @property
    def is_covid(self) -> bool:
        return self.kind is not Kind.HEALTHY

    def source(self) -> Dataset:
        return as_dicom(self._phantom())

    def mask(self, task: Task) -> Mask:
        """As the pixels are stored: `source` stores them upright."""
        phantom = self._phantom()
        if task is Task.LUNG:
            return np.asarray(phantom.left_lung | phantom.right_lung)
        return np.asarray(phantom.left_infection | phantom.right_infection)

    def _phantom(self) -> Phantom:
        return draw(self.kind, rows=ROWS, columns=COLUMNS, seed=self.seed)


def drawn_cases(each: int) -> Iterator[DrawnCase]:
    """`each` healthy ones, then the same patients with opacities on both sides."""
    for kind in (Kind.HEALTHY, Kind.BILATERAL_OPACITIES):
        yield from (DrawnCase(kind, seed) for seed in range(each))
