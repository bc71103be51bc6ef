"""The letters of the page: those every reader of PDF has for English, embedded ones for others.

A PDF need not hold the 14 standard fonts, but only of those that it holds is it sure that they have
an umlaut or an accent where it is read.
"""

from dataclasses import dataclass
from functools import cache

from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont

from sr_writer.language import ENGLISH
from sr_writer.languages import Words
from sr_writer.languages.fonts import BOLD, REGULAR


@dataclass(frozen=True, slots=True)
class Typeface:
    """Names of two fonts, as reportlab knows them."""

    regular: str
    bold: str


def typeface_of(words: Words) -> Typeface:
    return Typeface("Helvetica", "Helvetica-Bold") if words.language == ENGLISH else _embedded()


@cache
def _embedded() -> Typeface:
    for path in (REGULAR, BOLD):
        registerFont(TTFont(path.stem, str(path)))
    return Typeface(REGULAR.stem, BOLD.stem)
