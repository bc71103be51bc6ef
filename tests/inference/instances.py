"""DICOM instances made in memory, with any pixels, any header and any transfer syntax."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import gdcm
import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGLossless,
    JPEGLosslessSV1,
)

UID_OF_IMAGE = UID("1.2.826.0.1.3680043.8.498.1")

_GDCM_SYNTAXES = {
    JPEGLossless: gdcm.TransferSyntax.JPEGLosslessProcess14,
    JPEGLosslessSV1: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
}


def smooth(rows: int = 60, columns: int = 44, peak: int = 4000) -> NDArray[np.uint16]:
    """A ramp with a bump: every value up to `peak`, and no symmetry that could hide a flip."""
    y, x = np.mgrid[0:rows, 0:columns] / max(rows, columns)
    image = x + 2 * y + 3 * np.exp(-30 * ((x - 0.3) ** 2 + (y - 0.6) ** 2))
    return np.asarray(np.rint(peak * image / image.max()), np.uint16)


def instance(pixels: NDArray[Any], syntax: UID = ExplicitVRLittleEndian, **header: Any) -> Dataset:
    """An instance that holds `pixels` uncompressed, and only what the pixels need to be read."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = UID_OF_IMAGE
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = UID_OF_IMAGE
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    is_colour = pixels.ndim == 3
    dataset.SamplesPerPixel = 3 if is_colour else 1
    dataset.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    order: Literal[">", "<"] = ">" if syntax == ExplicitVRBigEndian else "<"
    content = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OW" if pixels.dtype.itemsize == 2 else "OB"
    for keyword, value in header.items():
        setattr(dataset, keyword, value)
    return dataset


def part10(dataset: Dataset) -> bytes:
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def twelve_bit(syntax: UID = ExplicitVRLittleEndian) -> Dataset:
    return instance(smooth(), syntax, BitsStored=12, HighBit=11)


def compressed(syntax: UID) -> Dataset:
    """`twelve_bit` in one of the syntaxes pydicom can write."""
    dataset = twelve_bit()
    dataset.compress(syntax, generate_instance_uid=False)
    return dataset


def jpeg_lossless(syntax: UID, folder: Path) -> bytes:
    """`twelve_bit` as a Part 10 file, written by GDCM by way of files in `folder`."""
    plain, lossless = folder / "plain.dcm", folder / "lossless.dcm"
    plain.write_bytes(part10(twelve_bit()))
    _write_lossless(plain, lossless, syntax)
    return lossless.read_bytes()


def jpeg_lossless_of(dataset: Dataset, syntax: UID) -> Dataset:
    """The same compressed by GDCM."""
    with TemporaryDirectory() as folder:
        plain, lossless = Path(folder, "plain.dcm"), Path(folder, "lossless.dcm")
        plain.write_bytes(part10(dataset))
        _write_lossless(plain, lossless, syntax)
        return pydicom.dcmread(io.BytesIO(lossless.read_bytes()))


def _write_lossless(plain: Path, lossless: Path, syntax: UID) -> None:
    # The reader must own the image: one made in Python is destroyed while GDCM still refers to it,
    # which now and then aborts the process ("ReferenceCount > 0").
    reader = gdcm.ImageReader()
    reader.SetFileName(str(plain))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(_GDCM_SYNTAXES[syntax]))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(lossless))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


def jpeg(syntax: UID) -> Dataset:
    """8-bit pixels, JPEG compressed at a quality that changes little."""
    pixels = (smooth() >> 4).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=98)
    return instance(pixels, syntax, PixelData=encapsulate([file.getvalue()]))


def reread(dataset: Dataset) -> Dataset:
    return pydicom.dcmread(io.BytesIO(part10(dataset)))


def malformed(keyword: str, vr: str, value: bytes) -> Dataset:
    """A good instance but for one element, which holds these bytes."""
    dataset = instance(smooth(), WindowCenter=2000, WindowWidth=4000)
    tag = Tag(tag_for_keyword(keyword) or 0)
    dataset._dict[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)
    return dataset
