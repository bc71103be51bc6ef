"""Radiographs with their true masks: COVID-QU-Ex as published, or any folder of the same shape.

    FOLDER/{COVID-19,Non-COVID,Normal}/{images,lung masks,infection masks}/*.png

The folders of masks may be missing: such cases still tell whether the decision is right. A folder
of DICOM files with SEGs is read by `dicom_pairs` into the same `Case`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from inference.datasets.dicom_pairs import read_pairs
from inference.decode import read_radiograph
from inference.findings import Mask, Task

#: The one class folder that is positive; all others are negative.
POSITIVE_CLASS = "COVID-19"
SUFFIXES = (".png", ".webp", ".jpg", ".jpeg")

#: The folders of a class.
IMAGES = "images"
MASKS = {Task.LUNG: "lung masks", Task.INFECTION: "infection masks"}
_MIDDLE_GRAY = 127


class DatasetError(ValueError):
    """The folder holds nothing that can be used: which folder, what was looked for."""


class Case(Protocol):
    """One radiograph and what is known of it."""

    @property
    def name(self) -> str:
        """What people call it; unique in its folder."""

    @property
    def is_covid(self) -> bool | None:
        """Whether it shows COVID-19; None where nobody said."""

    def source(self) -> Path | Dataset:
        """What `inference.analyze` takes: the same for learning as for a patient."""

    def mask(self, task: Task) -> Mask | None:
        """The truth on the radiograph's own grid; None where there is none."""


@dataclass(frozen=True, slots=True)
class ImageCase:
    """A case of the published layout."""

    image: Path
    masks: dict[Task, Path]  #: only those that exist
    is_covid: bool

    @property
    def name(self) -> str:
        return f"{self.image.parent.parent.name}/{self.image.stem}"

    def source(self) -> Dataset:
        """The file's own gray values."""
        with Image.open(self.image) as image:
            deep = image.mode.startswith("I;16")
            stored = np.asarray(image if deep else image.convert("L"))
        return as_dicom(stored, self.name)

    def mask(self, task: Task) -> Mask | None:
        path = self.masks.get(task)
        if path is None:
            return None
        with Image.open(path) as image:
            return np.asarray(image.convert("L")) > _MIDDLE_GRAY


@dataclass(frozen=True, slots=True)
class Undrawn:
    """A case nobody drew on whose class is known.

    Its infection mask is empty where it is not of COVID-19, and else everywhere: somewhere.
    """

    case: Case

    @property
    def name(self) -> str:
        return self.case.name

    @property
    def is_covid(self) -> bool | None:
        return self.case.is_covid

    def source(self) -> Path | Dataset:
        return self.case.source()

    def mask(self, task: Task) -> Mask | None:
        if task is not Task.INFECTION:
            return self.case.mask(task)
        shape = read_radiograph(self.case.source()).pixels.shape
        return np.full(shape, bool(self.is_covid), np.bool_)


def read_cases(folder: Path) -> list[Case]:
    """Every case of one split, in the order of their names; raises DatasetError if there is none.

    The masks are not opened yet.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    cases: list[Case] = [case for label in sorted(folder.iterdir()) for case in _of_class(label)]
    cases = cases or [*read_pairs(folder)]
    if not cases:
        raise DatasetError(
            f"{folder} holds neither {POSITIVE_CLASS}/{IMAGES}/*.png nor DICOM files with a SEG"
        )
    return cases


def classified(folders: Sequence[Path]) -> list[Case]:
    """The cases in `folders` known to be of COVID-19 or not to be; raises DatasetError."""
    cases = [case for folder in folders for case in read_cases(folder)]
    return [case for case in cases if case.is_covid is not None]


def undrawn(folders: Sequence[Path]) -> list[Case]:
    """The same, their masks left aside."""
    return [Undrawn(case) for case in classified(folders)]


def spread(cases: list[Case], limit: int | None) -> list[Case]:
    """At most `limit`, evenly from the first to the last, so that every class is among them."""
    if limit is None or limit >= len(cases):
        return cases
    return [cases[index * len(cases) // limit] for index in range(limit)]


def _of_class(label: Path) -> list[ImageCase]:
    """The cases of one class folder; images straight in it count as a split without masks."""
    folder = label / IMAGES if (label / IMAGES).is_dir() else label
    if not folder.is_dir():
        return []
    images = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    is_covid = label.name.casefold() == POSITIVE_CLASS.casefold()
    return [ImageCase(image, _masks_of(image, label), is_covid) for image in images]


def _masks_of(image: Path, label: Path) -> dict[Task, Path]:
    masks = {task: label / name / f"{image.stem}.png" for task, name in MASKS.items()}
    return {task: path for task, path in masks.items() if path.is_file()}


def as_dicom(stored: NDArray[np.uint8] | NDArray[np.uint16], name: str) -> Dataset:
    """An upright image as DICOM; its window leaves every gray value where it is."""
    bits = 8 * stored.dtype.itemsize
    dataset = Dataset()
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[name])
    dataset.PatientOrientation = ["L", "F"]
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "MONOCHROME2", 1
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, 0
    dataset.WindowCenter, dataset.WindowWidth = 2 ** (bits - 1), 2**bits
    dataset.PixelData = stored.tobytes()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset
