"""Radiographs to send or to store: whole, changed, damaged."""

import copy
from io import BytesIO
from typing import TypedDict, Unpack

from pydicom import Dataset

from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from tests.phantoms import draw


class Attributes(TypedDict, total=False):
    """What of a header is to be otherwise."""

    ViewPosition: str
    ImageType: list[str]
    PatientID: str
    IssuerOfPatientID: str | None


def file_bytes(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def radiograph(kind: Kind = Kind.LEFT_OPACITY, **changes: Unpack[Attributes]) -> Dataset:
    return as_dicom(draw(kind, rows=382, columns=318, seed=8), **changes)


def unreadable() -> bytes:
    """A chest radiograph with most of its pixels missing."""
    return file_bytes(radiograph())[:-100_000]


def changed(image: Dataset, **attributes: object) -> Dataset:
    """The same instance with other values."""
    image = copy.deepcopy(image)
    for keyword, value in attributes.items():
        setattr(image, keyword, value)
    return image


def other_pixels() -> Dataset:
    """The same instance with another picture."""
    return changed(radiograph(), PixelData=radiograph(Kind.RIGHT_OPACITY).PixelData)
