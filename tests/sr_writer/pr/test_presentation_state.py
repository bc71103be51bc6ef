"""The presentation state draws what was found over the source, and shows the source as it is."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from pydicom import Dataset
from skimage.draw import polygon2mask

from inference.findings import Caution, Decision, Laterality, Task
from sr_writer.outlines import trace
from sr_writer.pr.build import LAYERS
from sr_writer.wording import detail, headline, percent
from tests.sr_writer.documents import state, words
from tests.sr_writer.examples import ENGLISH, SHAPE, SOURCE_UID, findings, header, write
from tests.sr_writer.reading import read


def polylines(presentation: Dataset, task: Task, side: Laterality) -> list[np.ndarray]:
    return [
        np.reshape(graphic.GraphicData, (-1, 2))
        for item in presentation.GraphicAnnotationSequence
        if item.GraphicLayer == LAYERS[task, side]
        for graphic in item.GraphicObjectSequence
    ]


@pytest.mark.parametrize("mirrored", [False, True])
def test_its_polylines_enclose_the_masks_on_the_same_side(mirrored: bool) -> None:
    found = findings(mirrored=mirrored)
    presentation = state(found)
    for segment in found.segments:
        [polyline] = polylines(presentation, segment.task, segment.laterality)
        assert (polyline[0] == polyline[-1]).all()
        drawn = polygon2mask(SHAPE, polyline[:, ::-1] - 0.5)
        both = np.logical_and(drawn, segment.mask).sum()
        assert 2 * both / (drawn.sum() + segment.mask.sum()) > 0.93


def test_every_infected_region_is_outlined_not_only_the_largest() -> None:
    found = findings()
    spots = np.zeros(SHAPE, np.bool_)
    spots[40:50, 65:75] = spots[60:66, 70:76] = True
    lung = found.segment(Task.LUNG, Laterality.LEFT).mask
    assert (spots & lung).sum() == spots.sum()
    infected = int(spots.sum())
    left = replace(
        found.left,
        infected_pixels=infected,
        infected_percent=100 * infected / found.left.lung_pixels,
    )
    segments = tuple(replace(s, mask=spots) if s.number == 3 else s for s in found.segments)
    lungs = found.left.lung_pixels + found.right.lung_pixels
    both = 100 * (infected + found.right.infected_pixels) / lungs
    presentation = state(replace(found, segments=segments, left=left, infected_percent=both))
    drawn = polylines(presentation, Task.INFECTION, Laterality.LEFT)
    assert [len(np.unique(points, axis=0)) >= 4 for points in drawn] == [True, True]
    widths = [np.ptp(points[:, 0]) for points in drawn]
    assert widths == [pytest.approx(10, abs=1), pytest.approx(6, abs=1)]


def test_a_hole_is_no_region_and_a_speck_is_one() -> None:
    mask = np.zeros((60, 60), np.bool_)
    mask[10:40, 10:40] = True
    mask[20:25, 20:25] = False
    assert len(trace(mask)) == 1
    speck = np.zeros((3000, 3000), np.bool_)
    speck[1500, 1501] = True
    [polyline] = trace(speck)
    assert polyline.min(axis=0).tolist() == [1501, 1500]
    assert trace(np.zeros((5, 5), np.bool_)) == ()


def test_it_says_percentages_decision_and_use() -> None:
    said = "\n".join(words(state()))
    for side in Laterality:
        measured = findings().measurement(side)
        assert (
            f"{side.value.capitalize()} lung: {percent(measured.infected_percent, ENGLISH)},"
            in said
        )
        assert f"extent grade {measured.extent_grade} of 4" in said
    assert headline(findings(), ENGLISH) in said
    assert detail(findings(), ENGLISH) in said
    assert "Research use only - not for diagnosis" in said


def test_without_lungs_it_draws_nothing_and_says_why() -> None:
    found = findings(Decision.UNDETERMINED)
    presentation = state(found)
    assert [layer.GraphicLayer for layer in presentation.GraphicLayerSequence] == ["TEXT"]
    [text] = words(presentation)
    assert text.startswith("Undetermined")
    assert found.reason in text


def test_however_long_the_reason_the_notice_is_not_cut_off() -> None:
    found = replace(findings(Decision.UNDETERMINED), reason="why " * 400)
    [text] = words(state(found))
    assert text.endswith("Research use only - not for diagnosis")
    assert len(text) <= 1024


def test_every_box_of_words_lies_within_the_image() -> None:
    for text in state().GraphicAnnotationSequence[-1].TextObjectSequence:
        limits = SHAPE[::-1] if text.BoundingBoxAnnotationUnits == "PIXEL" else (1, 1)
        top_left = np.array(text.BoundingBoxTopLeftHandCorner)
        bottom_right = np.array(text.BoundingBoxBottomRightHandCorner)
        assert (top_left >= 0).all()
        assert (top_left < bottom_right).all()
        assert (bottom_right <= limits).all()


def test_it_refers_to_the_source_and_displays_all_of_it() -> None:
    presentation = state()
    [series] = presentation.ReferencedSeriesSequence
    [image] = series.ReferencedImageSequence
    assert image.ReferencedSOPInstanceUID == SOURCE_UID
    [area] = presentation.DisplayedAreaSelectionSequence
    assert area.DisplayedAreaTopLeftHandCorner == [1, 1]
    assert area.DisplayedAreaBottomRightHandCorner == [SHAPE[1], SHAPE[0]]


@pytest.mark.parametrize(
    ("spacing_mm", "keyword"),
    [
        (None, "PresentationPixelAspectRatio"),
        ((0.2, 0.2), "PresentationPixelAspectRatio"),
        ((0.2, 0.1), "PresentationPixelSpacing"),
    ],
)
def test_it_keeps_the_bodys_aspect(spacing_mm: tuple[float, float] | None, keyword: str) -> None:
    [area] = state(findings(spacing_mm=spacing_mm)).DisplayedAreaSelectionSequence
    keywords = {"PresentationPixelAspectRatio", "PresentationPixelSpacing"}
    assert keywords & {element.keyword for element in area} == {keyword}


@pytest.mark.parametrize(
    ("photometric", "corrected", "shape"),
    [
        ("MONOCHROME1", False, "INVERSE"),
        ("MONOCHROME2", False, "IDENTITY"),
        # What the pixels contradict is shown as it was analysed.
        ("MONOCHROME1", True, "IDENTITY"),
        ("MONOCHROME2", True, "INVERSE"),
    ],
)
def test_dense_is_bright(photometric: str, corrected: bool, shape: str) -> None:
    cautions = (Caution.POLARITY_CORRECTED,) if corrected else ()
    found = replace(findings(), cautions=cautions)
    dataset = header(PhotometricInterpretation=photometric)
    assert state(found, dataset).PresentationLUTShape == shape


def lut(descriptor: list[int], data: list[int] | bytes) -> list[Dataset]:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if descriptor[1] < 0 else "US", descriptor)
    item.add_new("LUTData", "OW" if isinstance(data, bytes) else "US", data)
    return [item]


@pytest.mark.parametrize(
    ("photometric", "shape"), [("MONOCHROME1", "IDENTITY"), ("MONOCHROME2", "INVERSE")]
)
def test_where_shape_and_photometric_interpretation_disagree_it_is_shown_as_it_was_analysed(
    photometric: str, shape: str
) -> None:
    dataset = header(PhotometricInterpretation=photometric, PresentationLUTShape=shape)
    assert state(dataset=dataset).PresentationLUTShape == shape


def test_a_table_of_packed_bytes_is_kept() -> None:
    dataset = header(VOILUTSequence=lut([4, 0, 8], bytes([0, 10, 20, 255])))
    table = state(dataset=dataset).SoftcopyVOILUTSequence[0].VOILUTSequence[0]
    assert list(table.LUTDescriptor) == [4, 0, 8]
    assert np.frombuffer(table.LUTData, "<u2").tolist() == [0, 10, 20, 255]


def test_the_first_window_and_the_rescale_are_kept() -> None:
    dataset = header(
        WindowCenter=["2048", "100"],
        WindowWidth=["4096", "50"],
        VOILUTFunction="SIGMOID",
        RescaleSlope="2",
        RescaleIntercept="-10",
        RescaleType="OD",
    )
    presentation = state(dataset=dataset)
    [voi] = presentation.SoftcopyVOILUTSequence
    assert (voi.WindowCenter, voi.WindowWidth, voi.VOILUTFunction) == (2048, 4096, "SIGMOID")
    assert (presentation.RescaleSlope, presentation.RescaleIntercept) == (2, -10)
    assert presentation.RescaleType == "OD"


@pytest.mark.parametrize("data", [[0, 10, 20, 4095], np.array([0, 10, 20, 4095], "<u2").tobytes()])
def test_tables_are_kept_whichever_way_they_are_written(data: list[int] | bytes) -> None:
    dataset = header(
        VOILUTSequence=lut([4, -2, 12], data), ModalityLUTSequence=lut([4, 0, 16], data)
    )
    presentation = state(dataset=dataset)
    voi = presentation.SoftcopyVOILUTSequence[0].VOILUTSequence[0]
    modality = presentation.ModalityLUTSequence[0]
    assert (list(voi.LUTDescriptor), list(modality.LUTDescriptor)) == ([4, -2, 12], [4, 0, 16])
    assert modality.ModalityLUTType == "US"
    for table in (voi, modality):
        assert np.frombuffer(table.LUTData, "<u2").tolist() == [0, 10, 20, 4095]


def broken_table(descriptor: list[int], data: list[int] | bytes) -> Callable[[], Dataset]:
    return lambda: header(VOILUTSequence=lut(descriptor, data))


@pytest.mark.parametrize(
    "dataset",
    [
        header,
        lambda: header(WindowCenter="100", WindowWidth="0"),
        lambda: header(WindowCenter="100"),
        lambda: header(VOILUTSequence=[]),
        lambda: header(VOILUTSequence=[Dataset()]),
        broken_table([5, 0, 12], [0, 10, 20, 4095]),
        broken_table([4, 0, 8], [0, 10, 20, 4095]),
        broken_table([4, 0, 40], [0, 10, 20, 4095]),
    ],
)
def test_a_malformed_window_or_table_is_left_out(dataset: Callable[[], Dataset]) -> None:
    assert "SoftcopyVOILUTSequence" not in state(dataset=dataset())


def test_its_colours_are_those_of_the_segmentation() -> None:
    found = findings()
    outputs = write(found, roles=("SEG", "PR"))
    colors = {
        layer.GraphicLayer: list(layer.GraphicLayerRecommendedDisplayCIELabValue)
        for layer in read(outputs["PR"]).GraphicLayerSequence
    }
    for segment, item in zip(found.segments, read(outputs["SEG"]).SegmentSequence, strict=True):
        layer = LAYERS[segment.task, segment.laterality]
        assert colors[layer] == list(item.RecommendedDisplayCIELabValue)
