"""What is written around the overlay's picture: side letters above it, the strip below it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from inference.findings import Decision, Findings, Laterality, LungMeasurement, Task
from sr_writer.language import ENGLISH
from sr_writer.languages import Words
from sr_writer.languages.fonts import REGULAR
from sr_writer.painting import Painting, Sides
from sr_writer.palette import COLORS
from sr_writer.wording import (
    area,
    both_name,
    cautions,
    grade,
    headline,
    lung_name,
    percent,
    percent_error,
    research_use,
    side_letter,
)

_Color = tuple[int, int, int]

_BACKGROUND: _Color = (16, 18, 22)
_WHITE: _Color = (240, 240, 240)
_GRAY: _Color = (165, 170, 178)
_AMBER: _Color = (255, 200, 80)
_LILAC: _Color = (196, 181, 253)
_COLOR: Mapping[Decision, _Color] = {
    Decision.POSITIVE: COLORS[Task.INFECTION, Laterality.LEFT],
    # Not green: it may still be another pneumonia (paper, section 3.3).
    Decision.NEGATIVE: _WHITE,
    Decision.UNDETERMINED: _LILAC,
}
#: Letter height of plain text in the strip, as a share of the picture's width.
_TEXT_SIZE = 1 / 52
#: Vera's letters are larger than Pillow's own face at the same size.
_VERA = 0.9
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


def with_caption(painting: Painting, findings: Findings, words: Words) -> Image.Image:
    """The picture between a band with the side letters and the strip of words.

    Nothing is written on the picture itself: a letter in its corner could hide a lead marker there.
    """
    picture = painting.image
    above = list(_letters(painting, words))
    below = list(_lines(findings, painting.sides, picture.width, words))
    top, bottom = (round(sum(line.height for line in lines)) for lines in (above, below))
    canvas = Image.new("RGB", (picture.width, top + picture.height + bottom), _BACKGROUND)
    canvas.paste(picture, (0, top))
    _write(canvas, 0, above, words)
    _write(canvas, top + picture.height, below, words)
    return canvas


def _write(canvas: Image.Image, top: float, lines: Iterable[_Line], words: Words) -> None:
    draw = ImageDraw.Draw(canvas)
    for line in lines:
        if line.band is not None:
            draw.rectangle((0, min(top, canvas.height), canvas.width, canvas.height), line.band)
        font = _font(line.size, words)
        anchor = "mm" if line.centred else "lm"
        for x, text, color in line.texts:
            draw.text((x * canvas.width, top + line.height / 2), text, color, font, anchor)
        top += line.height


def _letters(painting: Painting, words: Words) -> Iterator[_Line]:
    """R and L, or what they are called, above the picture: on the sides that the masks have."""
    if painting.sides is not None:
        left, right = (side_letter(side, words) for side in painting.sides)
        letters = ((0.035, left, _WHITE), (0.965, right, _WHITE))
        yield _Line(letters, 2 * painting.image.width * _TEXT_SIZE, centred=True)


def _lines(findings: Findings, sides: Sides | None, width: int, words: Words) -> Iterator[_Line]:
    size, margin = width * _TEXT_SIZE, 0.022
    gap = _Line((), size / 2)
    yield gap
    color = _COLOR[findings.decision]
    yield _Line(((margin, headline(findings, words), color),), 1.7 * size)
    for text in _wrapped(words.reason(findings.reason), size, width * (1 - 2 * margin), words):
        yield _Line(((margin, text, _GRAY),), size)
    yield gap
    if sides is not None:
        yield from _figures(findings, sides, size, words)
        yield gap
    for caution in cautions(findings, words):
        for text in _wrapped(caution, size, width * (1 - 2 * margin), words):
            yield _Line(((margin, text, _AMBER),), size)
    models = ", ".join(
        f"{words(f'page.task_{m.task}')} {m.name} {m.version}" for m in findings.models
    )
    named = words("page.models", models=models)
    for text in _wrapped(named, size, width * (1 - 2 * margin), words):
        yield _Line(((margin, text, _GRAY),), size)
    yield gap
    yield _Line(((0.5, research_use(words), _BACKGROUND),), 1.5 * size, centred=True, band=_AMBER)


def _figures(findings: Findings, sides: Sides, size: float, words: Words) -> Iterator[_Line]:
    """How much is infected, each lung's below the lung, and what the figures mean."""
    left, right = (findings.measurement(side) for side in sides)
    columns = (
        (0.19, percent(left.infected_percent, words), _notes(left, words)),
        (0.50, percent(findings.infected_percent, words), _notes_of_both(findings, words)),
        (0.81, percent(right.infected_percent, words), _notes(right, words)),
    )
    color = _COLOR[findings.decision]
    yield _Line(tuple((x, figure, color) for x, figure, _ in columns), 2 * size, centred=True)
    for row in range(max(len(notes) for *_, notes in columns)):
        texts = [(x, notes[row], _GRAY) for x, _, notes in columns if row < len(notes)]
        yield _Line(tuple(texts), size, centred=True)


def _notes(lung: LungMeasurement, words: Words) -> list[str]:
    notes = (lung_name(lung, words), area(lung, words), *grade(lung, words))
    return [note for note in notes if note]


def _notes_of_both(findings: Findings, words: Words) -> list[str]:
    notes = (both_name(findings, words), percent_error(findings, words))
    return [note for note in notes if note]


def _font(size: float, words: Words) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Of at least one pixel: an image can be so narrow that nothing can be read beside it."""
    if words.language == ENGLISH:
        return ImageFont.load_default(max(1.0, size))
    return ImageFont.truetype(REGULAR, max(1.0, _VERA * size))


def _wrapped(text: str, size: float, width: float, words: Words) -> Iterator[str]:
    """`text` in lines of at most `width` pixels, broken between words."""
    font, line = _font(size, words), ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            yield line
            longer = word
        line = longer
    yield line
