"""The gate's look at the overlay."""

from collections.abc import Iterator

from pydicom import Dataset

from sr_writer.case import Case
from sr_writer.verify.instance import padded, source_faults


def faults(dataset: Dataset, case: Case) -> Iterator[str]:
    """Whole, of this source, and honest about the words on it."""
    if len(dataset.PixelData) != padded(3 * dataset.Rows * dataset.Columns):
        yield "its pixels are not rows x columns x RGB"
    if dataset.BurnedInAnnotation != "YES":
        yield "it does not say that text is burned in"
    yield from source_faults(dataset.SourceImageSequence, case.source)
