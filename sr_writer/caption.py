"""What is written on the overlay: side markers in its corners and the strip below it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inference.results import Decision, Findings, Laterality, Mask, Task
from sr_writer.identity import RESEARCH_USE
from sr_writer.segmentation import COLORS
from sr_writer.wording import HEADLINE, percent

_Color = tuple[int, int, int]

_BACKGROUND: _Color = (16, 18, 22)
_WHITE: _Color = (240, 240, 240)
_GRAY: _Color = (165, 170, 178)
_AMBER: _Color = (255, 200, 80)
_HEADLINE_COLOR: Mapping[Decision, _Color] = {
    Decision.POSITIVE: COLORS[Task.INFECTION, Laterality.LEFT],
    # Not green: it may still be another pneumonia (paper, section 3.3).
    Decision.NEGATIVE: _WHITE,
}
#: Letter height of plain text in the strip, as a share of the picture's width.
_TEXT_SIZE = 1 / 52
#: Line height as a multiple of letter height.
_LEADING = 1.35


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the strip: texts, each centred or set at its place across the width."""

    texts: tuple[tuple[float, str, _Color], ...]  #: (0..1 of the width, text, colour)
    size: float  #: of the letters, in pixels
    centred: bool = False
    band: _Color | None = None  #: behind the whole line

    @property
    def height(self) -> float:
        return self.size * _LEADING


def draw_sides(picture: Image.Image, lungs: Mapping[Laterality, Mask]) -> None:
    """R and L in the upper corners, on the patient's sides as the masks have them."""
    left_first = _sides_across(lungs)
    if left_first is None:
        return
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(picture.width / 18)
    margin = picture.width / 45
    places = ((margin, "la"), (picture.width - margin, "ra"))
    for side, (x, anchor) in zip(left_first, places, strict=True):
        letter = side.value[0].upper()
        draw.text(
            (x, margin), letter, _WHITE, font, anchor, stroke_width=3, stroke_fill=_BACKGROUND
        )


def with_caption(
    picture: Image.Image, findings: Findings, lungs: Mapping[Laterality, Mask]
) -> Image.Image:
    """`picture` with the strip below it."""
    lines = list(_lines(findings, lungs, picture.width))
    canvas_height = picture.height + round(sum(line.height for line in lines))
    canvas = Image.new("RGB", (picture.width, canvas_height), _BACKGROUND)
    canvas.paste(picture)
    draw, top = ImageDraw.Draw(canvas), float(picture.height)
    for line in lines:
        if line.band is not None:
            draw.rectangle((0, top, picture.width, canvas_height), line.band)
        font = ImageFont.load_default(line.size)
        anchor = "mm" if line.centred else "lm"
        for x, text, color in line.texts:
            draw.text((x * picture.width, top + line.height / 2), text, color, font, anchor)
        top += line.height
    return canvas


def _lines(findings: Findings, lungs: Mapping[Laterality, Mask], width: int) -> Iterator[_Line]:
    size, margin = width * _TEXT_SIZE, 0.022
    headline, color = HEADLINE[findings.decision], _HEADLINE_COLOR.get(findings.decision, _AMBER)
    gap = _Line((), size / 2)
    yield gap
    yield _Line(((margin, headline, color),), 1.7 * size)
    for text in _wrapped(findings.reason, size, width * (1 - 2 * margin)):
        yield _Line(((margin, text, _GRAY),), size)
    yield gap
    yield from _figures(findings, lungs, size)
    yield gap
    for caution in findings.cautions:
        for text in _wrapped(caution.text, size, width * (1 - 2 * margin)):
            yield _Line(((margin, text, _AMBER),), size)
    models = ", ".join(f"{m.task} {m.name} {m.version}" for m in findings.models)
    for text in _wrapped(f"Models: {models}", size, width * (1 - 2 * margin)):
        yield _Line(((margin, text, _GRAY),), size)
    yield gap
    yield _Line(((0.5, RESEARCH_USE, _BACKGROUND),), 1.5 * size, centred=True, band=_AMBER)


def _figures(findings: Findings, lungs: Mapping[Laterality, Mask], size: float) -> Iterator[_Line]:
    """The percentages, each lung's below the lung."""
    left, right = _sides_across(lungs) or (Laterality.RIGHT, Laterality.LEFT)
    shown = (
        (0.2, f"{left.value.capitalize()} lung", findings.measurement(left).infected_percent),
        (0.5, "Both lungs", findings.infected_percent),
        (0.8, f"{right.value.capitalize()} lung", findings.measurement(right).infected_percent),
    )
    figures = tuple((x, percent(value), _WHITE) for x, _, value in shown)
    yield _Line(figures, 2.2 * size, centred=True)
    labels = tuple((x, f"{name}, infected", _GRAY) for x, name, _ in shown)
    yield _Line(labels, size, centred=True)


def _wrapped(text: str, size: float, width: float) -> Iterator[str]:
    """`text` in lines of at most `width` pixels, broken between words."""
    font, line = ImageFont.load_default(size), ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            yield line
            longer = word
        line = longer
    yield line


def _sides_across(lungs: Mapping[Laterality, Mask]) -> tuple[Laterality, Laterality] | None:
    """Whose side is where, from the picture's left; None where no lung was found."""
    places = {side: _centre(mask) for side, mask in lungs.items() if mask.any()}
    if not places:
        return None
    right = places.get(Laterality.RIGHT, 1 - places.get(Laterality.LEFT, 0.5))
    left = places.get(Laterality.LEFT, 1 - right)
    if right <= left:
        return Laterality.RIGHT, Laterality.LEFT
    return Laterality.LEFT, Laterality.RIGHT


def _centre(mask: Mask) -> float:
    """The mean column of `mask`, 0..1 of its width."""
    columns = np.arange(mask.shape[1]) + 0.5
    return float(np.average(columns, weights=mask.sum(axis=0)) / mask.shape[1])
