"""How an image is prepared for any network, whatever runs it."""

import numpy as np
from numpy.typing import NDArray


def normalise(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each (size, size) of (n, size, size) minus its own mean, divided by its own standard
    deviation, as the networks were trained.
    """
    return np.stack([_normal(image) for image in images])


def _normal(image: NDArray[np.float32]) -> NDArray[np.float32]:
    deviation = float(image.std())
    # A blank image stays blank instead of becoming not-a-number.
    return np.asarray((image - image.mean()) / max(deviation, 1e-6), np.float32)
