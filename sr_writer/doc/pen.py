"""Writes and draws on the page; y runs from the top of the page down, as one reads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise

from PIL import Image
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader, simpleSplit
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from sr_writer.doc.typeface import Typeface
from sr_writer.languages import Words

WIDTH: float = A4[0]  #: points, 1/72 inch
HEIGHT: float = A4[1]
MARGIN = 42.0
INNER = WIDTH - 2 * MARGIN

INK = HexColor(0x1B1F26)
MUTED = HexColor(0x667080)
HAIRLINE = HexColor(0xD5DAE1)
_JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes on the page; y runs from the top of the page down, as one reads."""

    canvas: Canvas
    words: Words
    face: Typeface

    def write(
        self,
        text: str,
        x: float,
        y: float,
        size: float,
        color: Color = INK,
        *,
        bold: bool = False,
        align: str = "left",
    ) -> None:
        """One line, its baseline at y."""
        self.canvas.setFont(self.face.bold if bold else self.face.regular, size)
        self.canvas.setFillColor(color)
        draw = {
            "left": self.canvas.drawString,
            "centre": self.canvas.drawCentredString,
            "right": self.canvas.drawRightString,
        }[align]
        draw(x, HEIGHT - y, latin(text))

    def paragraphs(
        self, lines: Sequence[str], x: float, y: float, size: float, color: Color
    ) -> None:
        """Lines below each other, the first one's top at y."""
        for number, line in enumerate(lines):
            self.write(line, x, y + size + number * leading(size), size, color)

    def width_of(self, text: str, size: float, *, bold: bool = False) -> float:
        return float(stringWidth(text, self.face.bold if bold else self.face.regular, size))

    def lines_of(self, texts: Iterable[str], size: float, width: float) -> list[str]:
        """Each text broken between words into lines of at most `width`."""
        lines: list[str] = []
        for text in texts:
            lines += simpleSplit(latin(text), self.face.regular, size, width)
        return lines

    def fitted(self, text: str, width: float) -> tuple[str, float]:
        """`text` and a size at which it fits into `width`; cut, and saying so, where none does."""
        text = latin(text)
        for size in (10.5, 9.0, 7.5):
            if self.width_of(text, size) <= width:
                return text, size
        while self.width_of(f"{text}...", size) > width:
            text = text[:-1]
        return f"{text}...", size

    def fill(self, x: float, y: float, width: float, height: float, color: Color) -> None:
        """A rectangle, its upper left corner at x, y."""
        self.canvas.setFillColor(color)
        self.canvas.rect(x, HEIGHT - y - height, width, height, stroke=0, fill=1)

    def rule(self, y: float) -> None:
        self.canvas.setStrokeColor(HAIRLINE)
        self.canvas.setLineWidth(0.6)
        self.canvas.line(MARGIN, HEIGHT - y, WIDTH - MARGIN, HEIGHT - y)

    def line(self, points: Sequence[tuple[float, float]], color: Color, width: float = 1.2) -> None:
        """From point to point, (x, y)."""
        self.canvas.setStrokeColor(color)
        self.canvas.setLineWidth(width)
        self.canvas.lines(
            [(x, HEIGHT - y, a, HEIGHT - b)
             for (x, y), (a, b) in pairwise(points)]
        )  # fmt: skip

    def picture(
        self, image: Image.Image, x: float, y: float, width: float, height: float, most_px: int
    ) -> None:
        """As a JPEG, its upper left corner at x, y; reduced to `most_px` on its longer side."""
        small = image.copy()
        small.thumbnail((most_px, most_px))
        file = BytesIO()
        small.save(file, "JPEG", quality=_JPEG_QUALITY)
        file.seek(0)
        self.canvas.drawImage(ImageReader(file), x, HEIGHT - y - height, width, height)

    def disc(self, x: float, y: float, radius: float, color: Color) -> None:
        self.canvas.setFillColor(color)
        self.canvas.circle(x, HEIGHT - y, radius, stroke=0, fill=1)


def color_of(rgb: Sequence[int]) -> Color:
    """0..255 each."""
    return Color(*(part / 255 for part in rgb))


def leading(size: float) -> float:
    return 1.35 * size


def latin(text: str) -> str:
    """What the page's letters can show."""
    return text.encode("latin-1", "replace").decode("latin-1")
