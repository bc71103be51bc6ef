"""The Grayscale Softcopy Presentation State (PS3.3 A.33.1): outlines and words over the source.

For viewers that know no SEG: every lung and every infected region is a closed polyline, in layers
that can be switched off, and the image below keeps its own grays.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from highdicom.color import CIELabColor
from pydicom import Dataset

from inference.findings import Findings, Laterality, Task
from sr_writer.case import Case
from sr_writer.languages import Words
from sr_writer.outlines import Outlines, Polyline, bounds, outlines_of
from sr_writer.palette import COLORS
from sr_writer.pr import PR
from sr_writer.pr.display import grayscale_pipeline
from sr_writer.provenance import stamp
from sr_writer.wording import detail, grade, headline, percent, research_use

#: Graphic Layer (0070,0002) of each kind of outline, and of all words.
LAYERS = {
    (Task.LUNG, Laterality.LEFT): "LEFT LUNG",
    (Task.LUNG, Laterality.RIGHT): "RIGHT LUNG",
    (Task.INFECTION, Laterality.LEFT): "LEFT INFECTION",
    (Task.INFECTION, Laterality.RIGHT): "RIGHT INFECTION",
}
TEXT_LAYER = "TEXT"
_TEXT_COLOR = (255, 220, 120)
#: Height of a line of words, as a share of the image's.
_LINE = 0.03
_SHORT_TEXT = 1024  #: characters of an ST (PS3.5 6.2)


def build(case: Case) -> Dataset:
    """The PR of what was found; the source's header says how to show it."""
    source, findings, identity = case.source, case.findings, case.identity
    dataset = Dataset()
    dataset.SOPClassUID = PR.sop_class_uid
    dataset.SOPInstanceUID = identity.sop_instance_uid(PR.role)
    dataset.Modality = "PR"
    dataset.Laterality = ""
    dataset.InstanceNumber = 1
    dataset.ContentLabel = "LUNG_INFECTION"
    dataset.ContentDescription = "Lungs and COVID-19 infection, outlined"
    dataset.ContentCreatorName = ""
    dataset.ReferencedSeriesSequence = [_referenced_series(source.header)]
    dataset.DisplayedAreaSelectionSequence = [_whole_image(source.header, findings)]
    annotations = [*_outlined(findings, case.shared(outlines_of)), _worded(findings, case.words)]
    dataset.GraphicAnnotationSequence = annotations
    dataset.GraphicLayerSequence = list(_layers(item.GraphicLayer for item in annotations))
    dataset.update(grayscale_pipeline(case.header, findings))
    # It has a creation where others have a content (PS3.3 C.11.10).
    stamp(dataset, PR, identity, source, made="PresentationCreation")
    return dataset


def lung_text(findings: Findings, side: Laterality, words: Words) -> str:
    """What is said of one lung, beside it."""
    lung = findings.measurement(side)
    said = f"{words(f'lung.{side}')}: {percent(lung.infected_percent, words)}"
    return words.write(", ".join((said, *grade(lung, words))))


def decision_text(findings: Findings, words: Words) -> str:
    """What is said of the radiograph: decision, how much, and what it must not be used for."""
    said = [words.write(text) for text in (headline(findings, words), detail(findings, words))]
    notice = words.write(research_use(words))
    # The notice last, and never cut off.
    room = _SHORT_TEXT - len(notice) - 2
    return "\r\n".join(said)[:room] + "\r\n" + notice


def _referenced_series(header: Dataset) -> Dataset:
    image = Dataset()
    image.ReferencedSOPClassUID = header.SOPClassUID
    image.ReferencedSOPInstanceUID = header.SOPInstanceUID
    series = Dataset()
    series.SeriesInstanceUID = header.SeriesInstanceUID
    series.ReferencedImageSequence = [image]
    return series


def _whole_image(header: Dataset, findings: Findings) -> Dataset:
    """The displayed area (PS3.3 C.10.4), its pixels numbered from one."""
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner = [1, 1]
    area.DisplayedAreaBottomRightHandCorner = [header.Columns, header.Rows]
    area.PresentationSizeMode = "SCALE TO FIT"
    row_mm, column_mm = findings.spacing_mm or (1.0, 1.0)
    if row_mm == column_mm:
        # No spacing where it is not needed: nobody is led to measure at the detector's scale.
        area.PresentationPixelAspectRatio = [1, 1]
    else:
        area.PresentationPixelSpacing = [row_mm, column_mm]
    return area


def _outlined(findings: Findings, outlines: Outlines) -> Iterator[Dataset]:
    for segment in findings.segments:
        polylines = outlines.of(segment.task, segment.laterality)
        if polylines:
            item = Dataset()
            item.GraphicLayer = LAYERS[segment.task, segment.laterality]
            item.GraphicObjectSequence = [_graphic(polyline) for polyline in polylines]
            yield item


def _graphic(polyline: Polyline) -> Dataset:
    graphic = Dataset()
    graphic.GraphicAnnotationUnits = "PIXEL"
    graphic.GraphicDimensions = 2
    graphic.NumberOfGraphicPoints = len(polyline)
    graphic.GraphicData = polyline.astype(np.float32).ravel().tolist()
    graphic.GraphicType = "POLYLINE"
    graphic.GraphicFilled = "N"
    return graphic


def _worded(findings: Findings, words: Words) -> Dataset:
    item = Dataset()
    item.GraphicLayer = TEXT_LAYER
    item.TextObjectSequence = [*_lung_texts(findings, words), _decision_box(findings, words)]
    return item


def _lung_texts(findings: Findings, words: Words) -> Iterator[Dataset]:
    """Each lung's figures below it, where its image ends, in pixels of the image."""
    for side in Laterality:
        mask = findings.segment(Task.LUNG, side).mask
        if mask.any():
            rows = len(mask)
            (left, _), (right, bottom) = bounds(mask)[[0, 2]]
            top = min(bottom + rows * _LINE / 2, rows * (1 - _LINE))
            corners = ((left, top), (right, min(top + rows * _LINE, rows)))
            yield _text(lung_text(findings, side, words), "PIXEL", *corners, "CENTER")


def _decision_box(findings: Findings, words: Words) -> Dataset:
    """At the upper edge, centred: lead markers stand in the corners."""
    corners = ((0.2, 0.01), (0.8, 0.01 + 3 * _LINE))
    return _text(decision_text(findings, words), "DISPLAY", *corners, "CENTER")


def _text(
    words: str,
    units: str,
    top_left: tuple[float, float],
    bottom_right: tuple[float, float],
    justified: str,
) -> Dataset:
    text = Dataset()
    text.BoundingBoxAnnotationUnits = units
    text.UnformattedTextValue = words
    text.BoundingBoxTopLeftHandCorner = [float(x) for x in top_left]
    text.BoundingBoxBottomRightHandCorner = [float(x) for x in bottom_right]
    text.BoundingBoxTextHorizontalJustification = justified
    return text


def _layers(names: Iterable[str]) -> Iterator[Dataset]:
    colors = {LAYERS[key]: color for key, color in COLORS.items()} | {TEXT_LAYER: _TEXT_COLOR}
    for order, name in enumerate(names, start=1):
        layer = Dataset()
        layer.GraphicLayer = name
        layer.GraphicLayerOrder = order
        layer.GraphicLayerRecommendedDisplayCIELabValue = list(
            CIELabColor.from_rgb(*colors[name]).value
        )
        # White for a display without colours.
        layer.GraphicLayerRecommendedDisplayGrayscaleValue = 0xFFFF
        yield layer
