"""The page's small chart: the infected percentage of each lung, then and now, by date, and above
the last of the earlier dates the radiographs themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from inference.findings import Findings, Laterality, Task
from sr_writer.doc.earlier import TALL, Pictures, bare, draw_picture
from sr_writer.doc.pen import HAIRLINE, INK, INNER, MARGIN, MUTED, WIDTH, Pen, color_of, leading
from sr_writer.languages import Words
from sr_writer.painting import Painting
from sr_writer.palette import COLORS
from sr_writer.progression import Progression
from sr_writer.progression.change import percent_now, percent_of
from sr_writer.progression.words import day, doubt, omissions, since
from sr_writer.wording import percent

_HEADING = 18.0
_PLOT = 46.0
_ROW = 11.0
_NOTE_SIZE = 7.5
#: Left of it stand the names of the rows, and the scale.
_FIRST = MARGIN + 118
_LAST = WIDTH - MARGIN - 34
#: Points between two dates where there is room, so that what stands above and below them has some.
_LEAST_GAP = 84.0
#: Below and between pictures.
_PICTURE_GAP = 6.0
#: Upper ends that the scale may have, in percent.
_SCALES = (25.0, 50.0, 75.0, 100.0)


@dataclass(frozen=True, slots=True)
class _Column:
    taken: str
    percents: dict[Laterality, float | None]
    picture: Painting | None = None


def course_height(pen: Pen, findings: Findings, told: Progression, earlier: Pictures) -> float:
    """Points that the chart, the pictures above it and what is said below it need."""
    notes = len(_notes(pen, findings, told, earlier)) * leading(_NOTE_SIZE)
    return _HEADING + _chart_height(told, earlier) + notes + 8


def draw_course(
    pen: Pen, y: float, findings: Findings, told: Progression, earlier: Pictures
) -> None:
    """From y down."""
    words = pen.words
    pen.rule(y)
    pen.write(words("progression.heading"), MARGIN, y + 12, 8.5, MUTED, bold=True)
    pen.write(since(findings, told, words), WIDTH - MARGIN, y + 12, 8.5, INK, align="right")
    y += _HEADING
    if told.priors:
        _draw_chart(pen, y, _columns(findings, told, earlier))
        y += _chart_height(told, earlier)
    pen.paragraphs(_notes(pen, findings, told, earlier), MARGIN, y, _NOTE_SIZE, MUTED)


def printed(findings: Findings, told: Progression, words: Words) -> list[str]:
    """What a page with this chart says: dates and figures, for the gate."""
    columns = _columns(findings, told, {}) if told.priors else []
    figures = [
        percent(one.percents[side], words)
        for one in columns
        for side in Laterality
        if one.percents[side] is not None
    ]
    said = since(findings, told, words)
    return [*([said] if said else []), *(day(one.taken) for one in columns), *figures]


def _chart_height(told: Progression, earlier: Pictures) -> float:
    pictures = TALL + _PICTURE_GAP if earlier else 0.0
    return pictures + _PLOT + 3 * _ROW + 8 if told.priors else 0.0


def _columns(findings: Findings, told: Progression, earlier: Pictures) -> list[_Column]:
    then = [
        _Column(
            prior.taken,
            {side: percent_of(prior, side) for side in Laterality},
            earlier.get(prior.image.sop_instance_uid),
        )
        for prior in told.priors
    ]
    now = {side: percent_now(findings, side) for side in Laterality}
    return [*then, _Column(told.taken, now)]


def _draw_chart(pen: Pen, y: float, columns: Sequence[_Column]) -> None:
    known = [value for one in columns for value in one.percents.values() if value is not None]
    top = next(scale for scale in _SCALES if scale >= max(known, default=0))
    places = _places([one.taken for one in columns])
    if any(one.picture for one in columns):
        y += TALL
        for x, one in zip(places, columns, strict=True):
            if one.picture:
                draw_picture(pen, one.picture, x, y, _gap(len(columns)) - _PICTURE_GAP)
        y += _PICTURE_GAP
    below = y + _PLOT
    for at, share in ((y, top), (below, 0.0)):
        pen.line([(_FIRST - 12, at), (WIDTH - MARGIN, at)], HAIRLINE, 0.6)
        pen.write(f"{share:.0f} %", _FIRST - 16, at + 2.5, 7, MUTED, align="right")
    for x, one in zip(places, columns, strict=True):
        pen.write(day(one.taken), x, below + _ROW, 7.5, MUTED, align="centre")
    for row, side in enumerate(Laterality, 2):
        line = below + row * _ROW
        color = color_of(COLORS[Task.LUNG, side])
        pen.fill(MARGIN, line - 5.5, 8, 6, color)
        pen.write(pen.words(f"lung.{side}_infected"), MARGIN + 12, line, 7.5, MUTED)
        shown = []
        for number, (x, one) in enumerate(zip(places, columns, strict=True), 1):
            value = one.percents[side]
            said = percent(value, pen.words)
            pen.write(said, x, line, 7.5, INK, bold=number == len(columns), align="centre")
            if value is not None:
                shown.append((x, below - _PLOT * value / top))
        pen.line(shown, color)
        for x, high in shown:
            pen.disc(x, high, 2.2, color)


def _places(taken: Sequence[str]) -> list[float]:
    """Where each date stands: as far apart as in time, but not closer than can be read."""
    gap = _gap(len(taken))
    days = [date.fromisoformat(day(one)).toordinal() for one in taken]
    span = max(1, days[-1] - days[0])
    places = [_FIRST + 18 + (_LAST - _FIRST - 18) * (at - days[0]) / span for at in days]
    if days[-1] == days[0]:
        places[-1] = _LAST
    for number in range(len(places) - 2, -1, -1):
        places[number] = min(places[number], places[number + 1] - gap)
    for number in range(1, len(places)):
        places[number - 1] = max(places[number - 1], _FIRST + 18 + (number - 1) * gap)
    return places


def _gap(columns: int) -> float:
    """Points that two dates are apart at least."""
    return min(_LEAST_GAP, (_LAST - _FIRST - 18) / (columns - 1))


def _notes(pen: Pen, findings: Findings, told: Progression, earlier: Pictures) -> list[str]:
    said = [*doubt(findings, told, pen.words), *omissions(told, pen.words)]
    if dates := bare(earlier, told):
        named = ", ".join(map(day, dates))
        said.append(pen.words("progression.bare", dates=named))
    return pen.lines_of(said, _NOTE_SIZE, INNER)
