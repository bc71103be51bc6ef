"""One A4 page a clinician reads in a minute: whose radiograph, what was seen, where, how much.

From the top: patient, decision, radiograph with its figures below each lung; from the bottom: the
notice, the models, the cautions, what there was before. The radiograph gets what is left between.
The same input gives the same bytes, and the words are not compressed, so that the gate can read
them.
"""

from io import BytesIO

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from inference.findings import Decision, Findings, Laterality, Task
from sr_writer.doc.course import course_height, draw_course
from sr_writer.doc.earlier import Pictures
from sr_writer.doc.patient import UNPRINTABLE, Patient
from sr_writer.doc.pen import (
    HEIGHT,
    INK,
    INNER,
    MARGIN,
    MUTED,
    WIDTH,
    Pen,
    color_of,
    leading,
)
from sr_writer.doc.typeface import typeface_of
from sr_writer.identity import Identity
from sr_writer.languages import Words
from sr_writer.painting import Painting
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

_BLACK = HexColor(0x000000)
_AMBER = HexColor(0xFFC850)
_AMBER_TINT = HexColor(0xFFF6DF)
_AMBER_INK = HexColor(0x7A5200)
_VERDICT_INK = {
    Decision.POSITIVE: HexColor(0xC2410C),
    # Not green: it may still be another pneumonia (paper, section 3.3).
    Decision.NEGATIVE: INK,
    Decision.UNDETERMINED: HexColor(0x5B4B8A),
}

#: Height of the row of figures below the radiograph.
_FIGURES_HEIGHT = 88.0
_LEGEND_HEIGHT = 20.0
_NOTICE_HEIGHT = 24.0
#: Points. Where it would get less, the earlier ones are not shown.
_LEAST_RADIOGRAPH = 220.0
#: The page shows the radiograph at about 200 dots per inch; more would only make it larger.
_LONG_EDGE_PX = 1400


def draw_page(
    findings: Findings,
    painting: Painting,
    patient: Patient,
    identity: Identity,
    words: Words,
    earlier: Pictures,
) -> bytes:
    """The page as a PDF file."""
    file = BytesIO()
    canvas = Canvas(file, pagesize=A4, pageCompression=0, invariant=1)
    canvas.setTitle(words("page.title"))
    canvas.setAuthor(f"{identity.equipment.manufacturer}, {identity.equipment.model_name}")
    canvas.setSubject(research_use(words))
    pen = Pen(canvas, words, typeface_of(words))
    top = _draw_decision(pen, _draw_patient(pen, patient), findings)
    bottom = _draw_cautions(pen, _draw_models(pen, _draw_notice(pen), findings, identity), findings)
    told = identity.progression
    if told:
        room = bottom - top - _FIGURES_HEIGHT - _LEGEND_HEIGHT - _LEAST_RADIOGRAPH
        if course_height(pen, findings, told, earlier) > room:
            earlier = {}
        bottom -= course_height(pen, findings, told, earlier)
        draw_course(pen, bottom, findings, told, earlier)
    _draw_radiograph(pen, top, bottom, findings, painting)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _draw_patient(pen: Pen, patient: Patient) -> float:
    """Title and whose radiograph it is; returns where the page goes on."""
    y = MARGIN
    words = pen.words
    pen.write(words("page.heading"), MARGIN, y, 8, MUTED, bold=True)
    pen.rule(y + 9)
    columns = (
        (words("page.patient"), patient.name, 0.0),
        (words("page.patient_id"), patient.patient_id, 0.36),
        (words("page.study_date"), patient.study_date, 0.66),
        (words("page.accession_number"), patient.accession_number, 0.80),
    )
    ends = [share for *_, share in columns[1:]] + [1.0]
    for (label, value, share), end in zip(columns, ends, strict=True):
        x, room = MARGIN + share * INNER, (end - share) * INNER - 8
        pen.write(label, x, y + 23, 7.5, MUTED)
        shown = words("page.unprintable") if value is UNPRINTABLE else value or "-"
        text, size = pen.fitted(shown, room)
        pen.write(text, x, y + 37, size)
    pen.rule(y + 47)
    return y + 47


def _draw_decision(pen: Pen, y: float, findings: Findings) -> float:
    color = _VERDICT_INK[findings.decision]
    pen.write(headline(findings, pen.words), MARGIN, y + 31, 22, color, bold=True)
    lines = pen.lines_of([pen.words.reason(findings.reason)], 9.5, INNER)
    pen.paragraphs(lines, MARGIN, y + 38, 9.5, MUTED)
    return y + 38 + len(lines) * leading(9.5) + 10


def _draw_notice(pen: Pen) -> float:
    """The band at the bottom of the page; returns its top."""
    y = HEIGHT - MARGIN + 6 - _NOTICE_HEIGHT
    pen.fill(MARGIN, y, INNER, _NOTICE_HEIGHT, _AMBER)
    pen.write(research_use(pen.words), WIDTH / 2, y + 16, 11, INK, bold=True, align="centre")
    return y


def _draw_models(pen: Pen, bottom: float, findings: Findings, identity: Identity) -> float:
    equipment, words = identity.equipment, pen.words
    models = "; ".join(
        f"{words(f'page.task_{m.task}')} {m.name} {m.version}" for m in findings.models
    )
    named = words("page.models", models=models)
    text = f"{equipment.model_name} {equipment.software_version}. {named}."
    lines = pen.lines_of([text], 7.5, INNER)
    y = bottom - len(lines) * leading(7.5) - 9
    pen.paragraphs(lines, MARGIN, y, 7.5, MUTED)
    return y


def _draw_cautions(pen: Pen, bottom: float, findings: Findings) -> float:
    if not findings.cautions:
        return bottom - 8
    lines = pen.lines_of(cautions(findings, pen.words), 8.5, INNER - 24)
    height = len(lines) * leading(8.5) + 24
    y = bottom - height - 10
    pen.fill(MARGIN, y, INNER, height, _AMBER_TINT)
    pen.fill(MARGIN, y, 3, height, _AMBER)
    pen.write(pen.words("page.cautions"), MARGIN + 14, y + 14, 8.5, _AMBER_INK, bold=True)
    pen.paragraphs(lines, MARGIN + 14, y + 16, 8.5, INK)
    return y - 10


def _draw_radiograph(
    pen: Pen, top: float, bottom: float, findings: Findings, painting: Painting
) -> None:
    """The painting as large as it fits, on black, with letters beside and figures below it."""
    height = bottom - top - _FIGURES_HEIGHT - _LEGEND_HEIGHT
    image = painting.image
    scale = min((INNER - 56) / image.width, height / image.height)
    width, shown = scale * image.width, scale * image.height
    pen.fill(MARGIN, top - 1, INNER, shown + 2, _BLACK)
    pen.picture(image, (WIDTH - width) / 2, top, width, shown, _LONG_EDGE_PX)
    if painting.sides is None:
        return
    for side, x in zip(painting.sides, (MARGIN + 14, WIDTH - MARGIN - 14), strict=True):
        letter = side_letter(side, pen.words)
        pen.write(letter, x, top + 24, 16, HexColor(0xFFFFFF), bold=True, align="centre")
    _draw_legend(pen, top + shown)
    _draw_figures(pen, top + shown + _LEGEND_HEIGHT, findings, painting.sides)


def _draw_legend(pen: Pen, y: float) -> None:
    """What the colours on the radiograph mean."""
    x = WIDTH - MARGIN
    for task, key in ((Task.INFECTION, "page.infection"), (Task.LUNG, "page.lungs")):
        name = pen.words(key)
        pen.write(name, x, y + 13, 7.5, MUTED, align="right")
        x -= pen.width_of(name, 7.5) + 4
        for side in reversed(Laterality):
            x -= 9
            pen.fill(x, y + 7, 8, 6, color_of(COLORS[task, side]))
        x -= 12


def _draw_figures(
    pen: Pen, y: float, findings: Findings, sides: tuple[Laterality, Laterality]
) -> None:
    """How much is infected of each lung, on its own side, and of both between them."""
    words = pen.words
    left, right = (findings.measurement(side) for side in sides)
    error = percent_error(findings, words)
    columns = (
        (lung_name(left, words), left.infected_percent, (area(left, words), *grade(left, words))),
        (both_name(findings, words), findings.infected_percent, (error,)),
        (
            lung_name(right, words),
            right.infected_percent,
            (area(right, words), *grade(right, words)),
        ),
    )
    ink = _VERDICT_INK[findings.decision]
    for number, (name, value, notes) in enumerate(columns):
        x = MARGIN + (number + 0.5) * INNER / 3
        pen.write(name, x, y + 13, 9, MUTED, align="centre")
        said = percent(value, words)
        size = min(22.0, 22.0 * (INNER / 3 - 8) / pen.width_of(said, 22.0, bold=True))
        pen.write(said, x, y + 38, size, ink, bold=True, align="centre")
        for row, note in enumerate(note for note in notes if note):
            pen.write(note, x, y + 53 + row * leading(8.5), 8.5, MUTED, align="centre")
