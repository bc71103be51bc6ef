"""The picture that any viewer shows: a Secondary Capture (PS3.3 A.8.1), 8-bit RGB.

Lungs and infection outlined, infection tinted; below it, never over it, a strip with the
decision, the percentages, the models and the notice. Uncompressed: every PACS takes that, and
JPEG 2000 would cost 205 ms.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from inference.results import Findings, Laterality, Mask, Task
from sr_writer import codes
from sr_writer.caption import draw_sides, with_caption
from sr_writer.identity import Identity, Role
from sr_writer.provenance import coded, stamp
from sr_writer.segmentation import COLORS
from sr_writer.source import LOSSY, Source

#: The picture's longer side: half of the source's, within these. Text would not be readable on
#: less, and more tells a reader nothing new.
_LONG_EDGE_PX = (1024, 1600)
_INFECTION_OPACITY = 0.4


@dataclass(frozen=True, slots=True)
class _Layer:
    """What is painted on the radiograph."""

    mask: Mask  #: (height, width) of the picture
    color: tuple[int, int, int]
    opacity: float  #: 0..1


def overlay_picture(pixels: NDArray[np.float32], findings: Findings) -> Image.Image:
    """The radiograph with the findings drawn on it; `pixels` (rows, columns), 0..1, bright = dense.

    Its pixels are square, whatever the source's are.
    """
    size = _size(pixels.shape, findings.spacing_mm)
    gray = Image.fromarray((pixels * 255).astype(np.uint8))
    # The box filter keeps the mean, so noise is averaged away rather than sampled.
    small = gray.resize(size, Image.Resampling.BOX, reducing_gap=1)
    masks = {
        (segment.task, segment.laterality): _shrink(segment.mask, size)
        for segment in findings.segments
    }
    tints = [((Task.INFECTION, side), _INFECTION_OPACITY) for side in Laterality]
    layers = [_Layer(masks[key], COLORS[key], opacity) for key, opacity in tints]
    layers += [_Layer(_edge(mask), COLORS[key], 1.0) for key, mask in masks.items()]
    picture = _painted(np.asarray(small), layers)
    lungs = {side: masks[Task.LUNG, side] for side in Laterality}
    draw_sides(picture, lungs)
    return with_caption(picture, findings, lungs)


def build_overlay(
    source: Source, findings: Findings, pixels: NDArray[np.float32], identity: Identity
) -> Dataset:
    """The overlay as an image, complete but for the attributes it inherits as received."""
    picture = overlay_picture(pixels, findings)
    dataset = Dataset()
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = identity.sop_instance_uid(Role.SC)
    dataset.StudyInstanceUID = source.header.StudyInstanceUID
    dataset.Modality = "OT"
    dataset.ConversionType = "WSD"
    dataset.InstanceNumber = 1
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.BodyPartExamined = "CHEST"
    dataset.BurnedInAnnotation = "YES"
    dataset.PatientOrientation = list(source.patient_orientation or ())
    dataset.DerivationDescription = "Lung outlines, infection and figures drawn on the image"
    dataset.SourceImageSequence = [_source_item(source)]
    for keyword in LOSSY:
        if keyword in source.header:
            dataset[keyword] = source.header[keyword]
    _set_pixels(dataset, picture)
    stamp(dataset, Role.SC, identity, source)
    return dataset


def _set_pixels(dataset: Dataset, picture: Image.Image) -> None:
    """Image Pixel module (PS3.3 C.7.6.3). No spacing: nobody should measure on this picture."""
    dataset.SamplesPerPixel = 3
    dataset.PhotometricInterpretation = "RGB"
    dataset.PlanarConfiguration = 0
    dataset.Columns, dataset.Rows = picture.size
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    content = picture.tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)


def _source_item(source: Source) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = source.header.SOPClassUID
    item.ReferencedSOPInstanceUID = source.header.SOPInstanceUID
    item.PurposeOfReferenceCodeSequence = [coded(codes.SOURCE_IMAGE)]
    return item


def _size(shape: tuple[int, ...], spacing_mm: tuple[float, float] | None) -> tuple[int, int]:
    """(width, height) of the picture, its aspect that of the body."""
    row_mm, column_mm = spacing_mm or (1.0, 1.0)
    height, width = shape[0] * row_mm / column_mm, float(shape[1])
    smallest, largest = _LONG_EDGE_PX
    scale = min(max(max(shape) / 2, smallest), largest) / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _shrink(mask: Mask, size: tuple[int, int]) -> Mask:
    """`mask` on a grid of `size` (width, height), each pixel that of the nearest centre."""
    width, height = size
    rows = ((np.arange(height) + 0.5) * mask.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * mask.shape[1] / width).astype(np.intp)
    shrunk: Mask = np.take(mask[rows], columns, axis=1)
    return shrunk


def _painted(gray: NDArray[np.uint8], layers: Sequence[_Layer]) -> Image.Image:
    """The layers on `gray`, a later one over those before it: one look-up for every pixel."""
    top = np.zeros(gray.shape, np.uint16)
    ramp = np.arange(256.0)[:, None].repeat(3, axis=1)
    table = [ramp]
    for number, layer in enumerate(layers, 1):
        np.copyto(top, np.uint16(256 * number), where=layer.mask)
        table.append(ramp * (1 - layer.opacity) + np.multiply(layer.color, layer.opacity))
    colors = np.concatenate(table).astype(np.uint8)
    return Image.fromarray(np.take(colors, top + gray, axis=0))


def _edge(mask: Mask) -> Mask:
    """The inner edge of `mask`, about two pixels wide, one thousandth of the picture."""
    width = max(2, max(mask.shape) // 700)
    inner = mask.copy()
    for axis in (0, 1):
        for shift in (width, -width):
            inner &= np.roll(mask, shift, axis)
    return mask & ~inner
