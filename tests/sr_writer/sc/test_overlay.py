"""The picture shows what was found, on the right side, and hides nothing."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFont
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from inference.findings import Decision, Findings, Laterality, LungMeasurement, Task
from sr_writer.palette import COLORS
from sr_writer.sc.build import overlay_picture
from sr_writer.wording import area, both_name, grade, lung_name, percent_error
from tests.sr_writer.examples import (
    ENGLISH,
    SHAPE,
    SOURCE_UID,
    findings,
    header,
    pixels,
    usual_results,
    write,
)
from tests.sr_writer.reading import read

LARGE = (1500, 1200)


@pytest.fixture(scope="module")
def overlay() -> Dataset:
    return read(usual_results()["SC"])


def picture(*args: object, **kwargs: object) -> np.ndarray:
    found = findings(*args, **{"shape": LARGE, "spacing_mm": None} | kwargs)
    return np.asarray(overlay_picture(pixels(found), found))


def band_above(drawn: np.ndarray) -> int:
    """The height of the band with the side letters: black in the middle, above the image."""
    middle = (drawn[: drawn.shape[0] // 4, drawn.shape[1] // 2] == drawn[0, 0]).all(axis=1)
    return int(np.argmin(middle))


def test_it_is_a_derived_secondary_capture_with_burned_in_text(overlay: Dataset) -> None:
    assert overlay.SOPClassUID == SecondaryCaptureImageStorage
    assert overlay.ImageType[:2] == ["DERIVED", "SECONDARY"]
    assert overlay.ConversionType == "WSD"
    assert overlay.BurnedInAnnotation == "YES"
    assert overlay.BodyPartExamined == "CHEST"
    assert "not for diagnosis" in overlay.SeriesDescription
    assert overlay.SourceImageSequence[0].ReferencedSOPInstanceUID == SOURCE_UID
    assert overlay.PatientOrientation == ["L", "F"]


def test_nobody_can_measure_on_it(overlay: Dataset) -> None:
    assert "PixelSpacing" not in overlay
    assert "ImagerPixelSpacing" not in overlay


def test_its_pixels_are_the_picture(overlay: Dataset) -> None:
    assert overlay.PhotometricInterpretation == "RGB"
    expected = np.asarray(overlay_picture(pixels(findings()), findings()))
    assert np.array_equal(overlay.pixel_array, expected)


@pytest.mark.parametrize(
    ("shape", "spacing", "size"),
    [
        ((3056, 2544), None, (1528, 1272)),  # half
        ((4280, 3520), None, (1600, 1316)),  # at most 1600
        ((440, 440), None, (1024, 1024)),  # enough for the text to be read
        ((1000, 1000), (0.2, 0.1), (1024, 512)),  # the body's aspect, not the detector's
        ((1000, 1000), (0.1, 0.2), (512, 1024)),
        ((1, 1), None, (1024, 1024)),
    ],
)
def test_its_size_is_half_the_sources_within_bounds(
    shape: tuple[int, int], spacing: tuple[float, float] | None, size: tuple[int, int]
) -> None:
    found = findings(Decision.NEGATIVE, shape=shape, spacing_mm=spacing)
    drawn = overlay_picture(pixels(found), found)
    assert drawn.width == size[1]
    assert size[0] < drawn.height < size[0] + 0.5 * max(size)  # the strip is below, and modest


def test_infection_is_tinted_and_its_texture_shows_through() -> None:
    found = findings(shape=LARGE, spacing_mm=None)
    gray = pixels(found)
    gray[600:620] += 0.1  # texture
    drawn = np.asarray(overlay_picture(gray, found)).astype(int)
    scale = drawn.shape[1] / LARGE[1]
    drawn = drawn[band_above(drawn) :]
    row, column = (int(scale * x) for x in (610, 0.78 * LARGE[1]))
    assert found.segment(Task.INFECTION, Laterality.LEFT).mask[610, int(0.78 * LARGE[1])]
    red, _, blue = drawn[row, column]
    assert red > blue + 40
    assert (drawn[row, column] > drawn[row - int(40 * scale), column]).all()


def test_lungs_are_outlined_and_nothing_else_covers_the_image() -> None:
    found = findings(Decision.NEGATIVE, shape=LARGE, spacing_mm=None)
    drawn = overlay_picture(pixels(found), found)
    height = round(LARGE[0] * drawn.width / LARGE[1])
    image = np.asarray(drawn)[band_above(np.asarray(drawn)) :][:height].astype(int)
    outlined = {color: (image == color).all(axis=2).sum() for color in COLORS.values()}
    for side in Laterality:
        assert outlined[COLORS[Task.LUNG, side]] > 500
    coloured = (image.max(axis=2) - image.min(axis=2)) > 12
    assert coloured.mean() < 0.02
    for segment in found.segments:
        mask = np.asarray(Image.fromarray(segment.mask).resize((drawn.width, height)))
        gray = image[mask & ~coloured]
        assert gray.size == 0 or np.ptp(gray) <= 10  # no letter lies over a lung


def letters(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The left and the right end of the band above the image."""
    band, width = drawn[: band_above(drawn)], drawn.shape[1] // 14
    return band[:, :width], band[:, -width:]


def white(letter: np.ndarray) -> int:
    """How many pixels of a letter's white there are: R has more than L."""
    return int((letter.min(axis=2) > 200).sum())


def test_side_letters_follow_the_patient_not_the_picture() -> None:
    """A mirrored image has L where the other has R."""
    right, left = letters(picture())
    mirrored_left, mirrored_right = letters(picture(mirrored=True))
    assert white(right) > white(left) > 0
    assert white(mirrored_right) > white(mirrored_left) > 0


def test_no_letter_lies_on_the_image() -> None:
    """It could hide a lead marker in the corner."""
    drawn = picture()
    corner = drawn[band_above(drawn) :][: LARGE[0] // 12, : LARGE[1] // 12]
    assert np.ptp(corner) <= 1


@pytest.mark.parametrize("side", Laterality)
def test_a_lung_alone_still_tells_the_sides(side: Laterality) -> None:
    for both, one in zip(letters(picture()), letters(picture(lungs=(side,))), strict=True):
        assert np.array_equal(both, one)


def test_without_lungs_no_side_is_claimed() -> None:
    drawn = picture(Decision.UNDETERMINED)
    assert (drawn[0] > 100).all()  # the image begins at once


def test_the_strip_differs_with_the_decision() -> None:
    strips = [picture(decision)[-200:] for decision in list(Decision)[:3]]
    assert not any(np.array_equal(strips[0], strip) for strip in strips[1:])
    assert not np.array_equal(strips[1], strips[2])


ORANGE, LILAC, WHITE = (255, 96, 32), (196, 181, 253), (240, 240, 240)


def caption_colors(found: Findings) -> set[tuple[int, ...]]:
    """The colours of the headline, a band below the image that has no other words but gray."""
    drawn = np.asarray(overlay_picture(pixels(found), found))
    image = round(LARGE[0] * drawn.shape[1] / LARGE[1])
    headline = drawn[band_above(drawn) + image :][: drawn.shape[1] // 20]
    return {color for color in (ORANGE, LILAC, WHITE) if (headline == color).all(axis=2).any()}


def test_what_is_doubtful_looks_neither_like_a_finding_nor_like_none() -> None:
    positive = findings(shape=LARGE, spacing_mm=None)
    assert caption_colors(positive) == {ORANGE}
    undetermined = findings(Decision.UNDETERMINED, shape=LARGE, spacing_mm=None)
    assert caption_colors(undetermined) == {LILAC}
    assert caption_colors(findings(Decision.NEGATIVE, shape=LARGE, spacing_mm=None)) == {WHITE}


def test_no_line_of_the_caption_is_cut_off() -> None:
    """The longest words of a column end before the next one's begin."""
    found = findings(shape=LARGE)
    size = 1000 * 1 / 52
    columns = [
        lung_name(found.left, ENGLISH),
        both_name(found, ENGLISH),
        percent_error(found, ENGLISH) or "",
    ]
    columns += [words for g in range(5) for words in grade(graded(found, g), ENGLISH)]
    columns.append(
        area(replace(found.left, lung_area_mm2=52_000, infected_area_mm2=51_000), ENGLISH) or ""
    )
    font = ImageFont.load_default(size)
    assert max(font.getlength(words) for words in columns) < 0.30 * 1000


def graded(found: Findings, extent_grade: int) -> LungMeasurement:
    return replace(found.left, infected_percent=(0, 10, 30, 60, 90)[extent_grade])


def test_the_notice_is_large_and_in_full_contrast() -> None:
    drawn = picture()
    band = drawn[-drawn.shape[1] // 60 :]
    assert (band == (255, 200, 80)).all(axis=2).mean() > 0.5
    assert (band.max(axis=2) < 60).any()


def test_the_gray_of_the_image_is_kept() -> None:
    found = findings(Decision.UNDETERMINED, shape=LARGE)
    ramp = np.tile(np.linspace(0, 1, LARGE[1], dtype=np.float32), (LARGE[0], 1))
    drawn = np.asarray(overlay_picture(ramp, found))
    middle = drawn[drawn.shape[0] // 3]
    assert middle[0].max() <= 1
    assert middle[-1].min() >= 254
    assert (np.diff(middle[:, 0].astype(int)) >= 0).all()
    assert (middle[:, 0] == middle[:, 2]).all()


def test_a_source_without_orientation_gives_an_overlay_without() -> None:
    dataset = header(PatientOrientation="")
    assert not read(write(findings(), dataset)["SC"]).PatientOrientation
    assert (dataset.Rows, dataset.Columns) == SHAPE
