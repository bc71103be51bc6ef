"""The gate's look at the overlay."""

from collections.abc import Iterator

from pydicom import Dataset

from inference.findings import Findings
from sr_writer.identity import Identity
from sr_writer.source import Source
from sr_writer.verify.instance import padded, source_faults


def overlay_faults(
    dataset: Dataset, source: Source, _findings: Findings, _: Identity
) -> Iterator[str]:
    if len(dataset.PixelData) != padded(3 * dataset.Rows * dataset.Columns):
        yield "its pixels are not rows x columns x RGB"
    if dataset.BurnedInAnnotation != "YES":
        yield "it does not say that text is burned in"
    yield from source_faults(dataset.SourceImageSequence, source)
