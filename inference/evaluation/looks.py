"""Healthy chests with the look that infected ones come in: framed as closely, scanned as softly.

A network that knows a few hospitals may read the hospital instead of the disease. Chests from
elsewhere that it calls healthy as they are then turn infected in another frame or with another
spectrum. How many do is what a model for strangers can be chosen by.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from PIL import Image
from scipy import ndimage

from inference.datasets.cases import Case, spread
from inference.decode import read_radiograph
from inference.evaluation.distortions import DistortedCase, Distortion, Gray
from inference.findings import Mask, Task

MARGIN = 0.02  #: around the lungs, of the image's height
SOFTNESS = 0.004  #: standard deviation of the blur, of the image's longer side
LIFT = 0.15  #: by which the darkest gray is brighter, of the gray range
#: Below this radius, in cycles an image, the spectrum says how large things are, not how scanned.
KEPT = 3.0
#: Infected chests that lend their spectra, evenly spread.
LENDERS = 40


def looks_of(cases: Sequence[Case], infected: Sequence[Case]) -> dict[str, list[Case]]:
    """By look, the cases without infection whose lungs are known, changed so."""
    framed = [
        (case, lungs)
        for case in cases
        if case.is_covid is False and (lungs := _upright_lungs(case)) is not None
    ]
    lenders = [partial(_gray_of, case) for case in spread(list(infected), LENDERS)]
    close = [_around(lungs) for _, lungs in framed]
    looks = {
        "cropped to the lungs": [Distortion("", shape=crop) for crop in close],
        "cropped, soft and bright": [Distortion("", gray=_soften, shape=crop) for crop in close],
    }
    if lenders:
        looks["with an infected one's spectrum"] = [
            Distortion("", gray=_with_spectrum_of(lenders[number % len(lenders)]))
            for number in range(len(framed))
        ]
    return {
        look: [DistortedCase(case, changed)
               for (case, _), changed in zip(framed, changes, strict=True)]
        for look, changes in looks.items()
    }  # fmt: skip


def _upright_lungs(case: Case) -> Mask | None:
    lungs = case.mask(Task.LUNG)
    if lungs is None or not lungs.any():
        return None
    return np.asarray(read_radiograph(case.source()).orientation.upright(lungs))


def _gray_of(case: Case) -> Gray:
    radiograph = read_radiograph(case.source())
    return np.asarray(radiograph.orientation.upright(radiograph.pixels))


def _around(lungs: Mask) -> Callable[[Gray], Gray]:
    """Cuts an image, or a mask of its, to the box of the lungs and a little more."""
    margin = round(MARGIN * lungs.shape[0])
    box = tuple(
        slice(max(0, int(there[0]) - margin), int(there[-1]) + 1 + margin)
        for there in (np.flatnonzero(lungs.any(axis=axis)) for axis in (1, 0))
    )
    return lambda image: image[box]


def _soften(image: Gray) -> Gray:
    blurred: Gray = ndimage.gaussian_filter(image, SOFTNESS * max(image.shape))
    return LIFT + (1 - LIFT) * blurred


def _with_spectrum_of(lender: Callable[[], Gray]) -> Callable[[Gray], Gray]:
    """Gives an image the amplitudes of another; its phases, which say where things are, stay."""

    def change(image: Gray) -> Gray:
        other = Image.fromarray(lender()).resize(image.shape[::-1], Image.Resampling.BILINEAR)
        own, theirs = np.fft.rfft2(image), np.fft.rfft2(np.asarray(other))
        rows, columns = image.shape
        radius = np.hypot(
            np.fft.fftfreq(rows, 1 / rows)[:, None], np.fft.rfftfreq(columns, 1 / columns)
        )
        ratio = (np.abs(theirs) + 1e-3) / (np.abs(own) + 1e-3)
        changed = np.fft.irfft2(own * np.where(radius > KEPT, ratio, 1), image.shape)
        return changed.astype(np.float32)

    return change
