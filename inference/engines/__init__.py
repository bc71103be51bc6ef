"""One file per way of running the two networks; `Engine` is what they share."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inference.findings import ModelIdentity


@dataclass(frozen=True, slots=True)
class ProbabilityMaps:
    """What the two networks say of n images, before any post-processing."""

    lung: NDArray[np.float32]  #: (n, size, size), 0..1, probability of lung
    infection: NDArray[np.float32]  #: (n, size, size), 0..1, probability of COVID-19 infection
    #: (n,), how unlike each image is to those the infection network learnt from: above 1 more than
    #: hardly any of those; 0 where its weights do not say
    strangeness: NDArray[np.float32]


class Engine(Protocol):
    """Runs the lung and the infection network, in parallel and independent of each other."""

    @property
    def size(self) -> int:
        """Side of the square the networks take, in pixels."""

    @property
    def models(self) -> tuple[ModelIdentity, ...]:
        """Lung, infection."""

    def segment(self, images: NDArray[np.float32]) -> ProbabilityMaps:
        """Maps of (n, size, size) images, 0..1, bright = dense; none depends on another."""
