"""The picture that any viewer shows: a Secondary Capture (PS3.3 A.8.1), 8-bit RGB.

The painting between the side letters and, below it, never over it, a strip with the
decision, the percentages, the models and the notice. Uncompressed: every PACS takes that, and
JPEG 2000 would cost 205 ms.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset

from inference.findings import Findings
from sr_writer.case import Case, painting_of
from sr_writer.language import ENGLISH
from sr_writer.languages import words_of
from sr_writer.painting import paint
from sr_writer.provenance import source_image, stamp
from sr_writer.sc import SC
from sr_writer.sc.caption import with_caption
from sr_writer.source import LOSSY


def overlay_picture(
    pixels: NDArray[np.float32], findings: Findings, language: str = ENGLISH
) -> Image.Image:
    """The painting of `pixels` (rows, columns; 0..1, bright = dense) with its caption."""
    return with_caption(paint(pixels, findings), findings, words_of(language))


def build(case: Case) -> Dataset:
    """The overlay as an image."""
    source, identity = case.source, case.identity
    picture = with_caption(case.shared(painting_of), case.findings, case.words)
    dataset = Dataset()
    dataset.SOPClassUID = SC.sop_class_uid
    dataset.SOPInstanceUID = identity.sop_instance_uid(SC.role)
    dataset.StudyInstanceUID = source.header.StudyInstanceUID
    dataset.Modality = "OT"
    dataset.ConversionType = "WSD"
    dataset.InstanceNumber = 1
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.BodyPartExamined = "CHEST"
    dataset.BurnedInAnnotation = "YES"
    dataset.PatientOrientation = list(source.patient_orientation or ())
    dataset.DerivationDescription = "Lung outlines, infection and figures drawn on the image"
    dataset.SourceImageSequence = [source_image(source)]
    for keyword in LOSSY:
        if keyword in source.header:
            dataset[keyword] = source.header[keyword]
    _set_pixels(dataset, picture)
    stamp(dataset, SC, identity, source)
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
