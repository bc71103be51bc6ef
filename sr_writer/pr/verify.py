"""The gate's look at a presentation state."""

from collections.abc import Iterator

import numpy as np
from pydicom import Dataset

from inference.findings import Findings
from sr_writer.case import Case
from sr_writer.languages import Words
from sr_writer.pr.build import LAYERS, TEXT_LAYER, decision_text, lung_text
from sr_writer.verify.figures import recounted
from sr_writer.verify.instance import source_faults
from sr_writer.wording import research_use


def faults(dataset: Dataset, case: Case) -> Iterator[str]:
    """One image, all of it; what was found outlined within it; figures the SEG's pixels say."""
    source, findings = case.source, case.findings
    header = source.header
    [series] = dataset.ReferencedSeriesSequence
    if series.SeriesInstanceUID != header.SeriesInstanceUID:
        yield f"it refers to series {series.SeriesInstanceUID}"
    yield from source_faults(series.ReferencedImageSequence, source)
    [area] = dataset.DisplayedAreaSelectionSequence
    corners = (*area.DisplayedAreaTopLeftHandCorner, *area.DisplayedAreaBottomRightHandCorner)
    if corners != (1, 1, header.Columns, header.Rows):
        yield "it does not display the whole image"
    annotations = {item.GraphicLayer: item for item in dataset.GraphicAnnotationSequence}
    if set(annotations) != {layer.GraphicLayer for layer in dataset.GraphicLayerSequence}:
        yield "its layers are not those of its annotations"
    yield from _outline_faults(annotations, header, findings)
    yield from _text_faults(annotations, findings, case.words)


def _outline_faults(
    annotations: dict[str, Dataset], header: Dataset, findings: Findings
) -> Iterator[str]:
    for segment in findings.segments:
        layer = LAYERS[segment.task, segment.laterality]
        if bool(segment.mask.any()) != (layer in annotations):
            yield f"layer {layer} does not show what was found"
        elif layer in annotations and not all(
            _is_closed_within(graphic, header)
            for graphic in annotations[layer].GraphicObjectSequence
        ):
            yield f"layer {layer} has a graphic that is not closed within the image"


def _is_closed_within(graphic: Dataset, header: Dataset) -> bool:
    points = np.reshape(graphic.GraphicData, (-1, 2))
    inside = (points >= 0).all() and (points <= (header.Columns, header.Rows)).all()
    closed = len(points) >= 4 and (points[0] == points[-1]).all()
    counted = len(points) == graphic.NumberOfGraphicPoints
    kind = (graphic.GraphicType, graphic.GraphicAnnotationUnits) == ("POLYLINE", "PIXEL")
    return bool(inside and closed and counted and kind)


def _text_faults(
    annotations: dict[str, Dataset], findings: Findings, words: Words
) -> Iterator[str]:
    counted = recounted(findings)
    written = [item.UnformattedTextValue for item in annotations[TEXT_LAYER].TextObjectSequence]
    lungs = [lung for lung in (counted.left, counted.right) if lung.lung_pixels]
    expected = [
        *(lung_text(counted, lung.laterality, words) for lung in lungs),
        decision_text(counted, words),
    ]
    if written != expected:
        yield f"it says {written} where the SEG's pixels say {expected}"
    if not any(words.write(research_use(words)) in said for said in written):
        yield "it does not say that it is for research use"
