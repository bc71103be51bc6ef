"""Radiographs as they may also come: turned, cut, darkened, covered. Does the network hold?

Each distortion is a pure function of an upright image and of its masks. Those that cover the
border or the corners ask whether a network reads the disease off the marker or the collimation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from scipy import ndimage

from inference.datasets.cases import Case, as_dicom
from inference.decode import read_radiograph
from inference.findings import Mask, Task

Gray = NDArray[np.float32]

ROTATION_DEG = 10.0
CROP = 0.08  #: of each side
BORDER = 0.06  #: of each side
CORNER = 0.15  #: of each side: where letters and labels are
COARSER = 2
SHARPNESS = 1.0  #: how much of the detail finer than DETAIL is added once more
DETAIL = 0.006  #: of the image's longer side, standard deviation
NOISE = 0.05  #: standard deviation, of the gray range 0..1


def _same(image: Gray) -> Gray:
    return image


@dataclass(frozen=True, slots=True)
class Distortion:
    """What happens to an image, and what of it happens to its masks too."""

    name: str
    gray: Callable[[Gray], Gray] = _same  #: of the image alone
    shape: Callable[[Gray], Gray] = _same  #: of image and masks


@dataclass(frozen=True, slots=True)
class DistortedCase:
    """A `Case` that is another one, distorted."""

    case: Case
    distortion: Distortion

    @property
    def name(self) -> str:
        return self.case.name

    @property
    def is_covid(self) -> bool | None:
        return self.case.is_covid

    def source(self) -> Dataset:
        radiograph = read_radiograph(self.case.source())
        image = radiograph.orientation.upright(radiograph.pixels)
        changed = self.distortion.gray(self.distortion.shape(image)).clip(0, 1)
        return as_dicom(np.rint(changed * 65535).astype(np.uint16), self.name)

    def mask(self, task: Task) -> Mask | None:
        mask = self.case.mask(task)
        if mask is None:
            return None
        orientation = read_radiograph(self.case.source()).orientation
        upright = orientation.upright(mask).astype(np.float32)
        return np.asarray(self.distortion.shape(upright) > 0.5)


def distorted(cases: Sequence[Case], distortion: Distortion) -> list[Case]:
    return [DistortedCase(case, distortion) for case in cases]


def _flip(image: Gray) -> Gray:
    return image[:, ::-1]


def _rotate(image: Gray) -> Gray:
    turned: Gray = ndimage.rotate(image, ROTATION_DEG, reshape=False, order=1)
    return turned


def _crop(image: Gray) -> Gray:
    rows, columns = (round(CROP * length) for length in image.shape)
    return image[rows:-rows, columns:-columns]


def _coarsen(image: Gray) -> Gray:
    rows, columns = image.shape
    small = Image.fromarray(image).resize((columns // COARSER, rows // COARSER))
    return np.asarray(small.resize((columns, rows), Image.Resampling.BILINEAR))


def _sharpen(image: Gray) -> Gray:
    blurred: Gray = ndimage.gaussian_filter(image, DETAIL * max(image.shape))
    return image + SHARPNESS * (image - blurred)


def _add_noise(image: Gray) -> Gray:
    noise = np.random.default_rng(0).normal(0, NOISE, image.shape)
    return (image + noise).astype(np.float32)


def _cover_border(image: Gray) -> Gray:
    """Image and masks: what is covered cannot be found."""
    covered = np.zeros_like(image)
    rows, columns = (round(BORDER * length) for length in image.shape)
    inside = slice(rows, -rows), slice(columns, -columns)
    covered[inside] = image[inside]
    return covered


def _cover_corners(image: Gray) -> Gray:
    covered = image.copy()
    rows, columns = (round(CORNER * length) for length in image.shape)
    for vertical in (slice(rows), slice(-rows, None)):
        for horizontal in (slice(columns), slice(-columns, None)):
            covered[vertical, horizontal] = 0
    return covered


DISTORTIONS = {
    distortion.name: distortion
    for distortion in (
        Distortion("none"),
        Distortion("flipped", shape=_flip),
        Distortion("inverted", gray=lambda image: 1 - image),
        Distortion("brightened", gray=lambda image: 0.3 + 0.7 * image),
        Distortion("darkened", gray=lambda image: image**2),
        Distortion("cropped", shape=_crop),
        Distortion("rotated", shape=_rotate),
        Distortion("down-sampled", gray=_coarsen),
        Distortion("sharpened", gray=_sharpen),
        Distortion("noisy", gray=_add_noise),
        Distortion("border covered", shape=_cover_border),
        Distortion("corners covered", gray=_cover_corners),
    )
}
