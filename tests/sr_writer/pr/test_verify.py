"""Whatever is wrong with a presentation state is named, and it does not leave."""

import pytest
from pydicom import Dataset

from sr_writer.kinds import PR
from tests.sr_writer.altering import Change, assert_refused, set_to


def name_another_image(dataset: Dataset) -> None:
    image = dataset.ReferencedSeriesSequence[0].ReferencedImageSequence[0]
    image.ReferencedSOPInstanceUID = "1.2.3"


def name_another_series(dataset: Dataset) -> None:
    dataset.ReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3"


def display_a_part(dataset: Dataset) -> None:
    area = dataset.DisplayedAreaSelectionSequence[0]
    area.DisplayedAreaBottomRightHandCorner = [50, 50]


def graphic(dataset: Dataset) -> Dataset:
    item: Dataset = dataset.GraphicAnnotationSequence[0].GraphicObjectSequence[0]
    return item


def open_a_graphic(dataset: Dataset) -> None:
    item = graphic(dataset)
    item.GraphicData = list(item.GraphicData)[:-2]
    item.NumberOfGraphicPoints -= 1


def move_a_graphic_outside(dataset: Dataset) -> None:
    item = graphic(dataset)
    item.GraphicData = [value + 1000 for value in item.GraphicData]


def leave_a_lung_out(dataset: Dataset) -> None:
    del dataset.GraphicAnnotationSequence[0]
    del dataset.GraphicLayerSequence[0]


def leave_a_layer_undescribed(dataset: Dataset) -> None:
    del dataset.GraphicLayerSequence[0]


def write_another_percentage(dataset: Dataset) -> None:
    text = dataset.GraphicAnnotationSequence[-1].TextObjectSequence[0]
    text.UnformattedTextValue = text.UnformattedTextValue.replace("10 %", "15 %")


CASES = [
    (name_another_image, "refers to 1.2.3"),
    (name_another_series, "refers to series 1.2.3"),
    (display_a_part, "whole image"),
    (open_a_graphic, "not closed"),
    (move_a_graphic_outside, "not closed within"),
    (leave_a_lung_out, "layer LEFT LUNG does not show"),
    (leave_a_layer_undescribed, "layers are not those"),
    (write_another_percentage, "where the SEG's pixels say"),
    (set_to(PresentationLUTShape=""), "PresentationLUTShape has no value"),
]


@pytest.mark.parametrize(("change", "message"), CASES)
def test_a_wrong_presentation_state_is_refused_by_name(change: Change, message: str) -> None:
    assert_refused(PR, change, message)
