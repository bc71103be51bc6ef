"""The words of results in each language: a table a file, of which the others translate the English.

Findings give their reasons as English sentences, for the ledger and the log. Here such a sentence
is found again in the English table, with the figures in it, and said in another language; one that
no table has (a fault's own message) is passed on as it is, and said to be English.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from types import MappingProxyType

from inference.findings import Caution
from sr_writer.language import ENGLISH

#: Sections of the table whose texts a reason may be, the more particular first.
_REASONS = ("reason", "caution", "refusal")
_NUMBER = r"(?P<number>[0-9.]+)"
#: What a Latin letter is written as where a character set has ASCII alone.
_ASCII = MappingProxyType(
    str.maketrans(
        {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
        | dict(zip("àâáçéèêëîïíìôóòûúùñÀÂÉÈÊÎÓÍÁÚÑ", "aaaceeeeiiiiooouuunAAEEEIOIAUN", strict=True))
        | {"²": "2", "º": "o", "¿": "", "¡": "", "¼": "1/4", "½": "1/2", "¾": "3/4"}
    )
)


@dataclass(frozen=True, slots=True)
class Words:
    """One language's words, in the letters that there are for them."""

    language: str  #: as in the configuration: en, de, fr, es
    table: Mapping[str, str]  #: section.key to text, with {names} to be filled in
    letters: str = "ascii"  #: of the character set that these words are written in

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, filled in."""
        text = self.table[key]
        return text.format(**values) if values else text

    def with_letters(self, letters: str) -> "Words":
        return replace(self, letters=letters)

    def write(self, text: str) -> str:
        """`text` in the letters that there are. Without blanks at its end (PS3.5 6.2)."""
        if self.language != ENGLISH and self.letters == "ascii":
            text = text.translate(_ASCII)
        return text.encode(self.letters, "replace").decode(self.letters).rstrip()

    def name(self, name: str) -> str:
        """A person's name in its alphabetic writing (PS3.5 6.2.1), as far as there are letters."""
        alphabetic = name.partition("=")[0]
        if self.letters == "ascii":
            alphabetic = alphabetic.translate(_ASCII)
        return alphabetic.encode(self.letters, "ignore").decode(self.letters).strip("^ ")

    def caution(self, caution: Caution) -> str:
        return self(f"caution.{caution.code}")

    def reason(self, english: str) -> str:
        """What findings or a verdict give as their reason, in this language."""
        if self.language == ENGLISH:
            return english
        return self._translated(english) or self("notice.message", message=english)

    def _translated(self, english: str) -> str | None:
        for key, pattern in _patterns():
            if (found := pattern.fullmatch(english)) is None:
                continue
            values = {name: self._figure(name, text) for name, text in found.groupdict().items()}
            said = self(key, **{name: text for name, text in values.items() if name != "behind"})
            # What of the header said so stays as the header has it.
            return f"{said}{values.get('behind') or ''}"
        return None

    def _figure(self, name: str, text: str | None) -> str:
        match name, text:
            case "number", str():
                return text.replace(".", self("language.decimal"))
            case "reason", str():
                return self._translated(text) or text
            case "behind", str():
                inner = self._translated(text.strip(" ()"))
                return f" ({inner})" if inner else text
        return text or ""


@cache
def words_of(language: str) -> Words:
    """Those of a language that there is."""
    return Words(language, MappingProxyType(dict(_read(language))))


def _read(language: str) -> Iterator[tuple[str, str]]:
    text = resources.files(__name__).joinpath(f"{language}.toml").read_text("utf-8")
    for section, entries in tomllib.loads(text).items():
        for key, said in entries.items():
            yield f"{section}.{key}", said


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each English reason, with what may stand in its gaps."""
    found = []
    for key, text in words_of(ENGLISH).table.items():
        if key.partition(".")[0] not in _REASONS:
            continue
        pattern = re.escape(text).replace(r"\{number\}", _NUMBER)
        pattern = pattern.replace(r"\{reason\}", "(?P<reason>.+)")
        if key.startswith("refusal."):
            pattern += r"(?P<behind> \(.*\))?"
        found.append((key, re.compile(pattern, re.DOTALL)))
    return tuple(found)
