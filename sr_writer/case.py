"""All that one radiograph's results are made from, and what several of them share."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from inference.findings import Findings
from sr_writer.identity import Identity
from sr_writer.languages import Words
from sr_writer.languages.lettering import words_in
from sr_writer.painting import Painting, paint
from sr_writer.progression import Prior
from sr_writer.source import Source

_Shared = TypeVar("_Shared")


@dataclass(frozen=True, slots=True)
class Case:
    """One radiograph, as every builder and every verifier gets it; not to be altered."""

    header: Dataset  #: the source's as received, without pixels
    source: Source  #: what of it the results repeat
    findings: Findings
    pixels: NDArray[np.float32]  #: (rows, columns), 0..1, bright = dense
    identity: Identity
    words: Words  #: of the language and the letters that a result is written in
    #: The picture of a radiograph before; None where there is none any more.
    earlier: Callable[[Prior], Painting | None] = lambda _: None
    _made: dict[tuple[Callable[["Case"], Any], str], Any] = field(default_factory=dict, repr=False)

    def shared(self, make: Callable[["Case"], _Shared], *, in_words: bool = False) -> _Shared:
        """What `make` gives of this case, made when it is first asked for.

        `in_words`: it differs by language.
        """
        key = make, self.words.language if in_words else ""
        if key not in self._made:
            self._made[key] = make(self)
        made: _Shared = self._made[key]
        return made

    def spoken(self, language: str) -> "Case":
        """The same case in another language; what needs no words is shared."""
        if language == self.words.language:
            return self
        words = words_in(language, self.source)
        return replace(self, identity=self.identity.spoken(language), words=words)


def painting_of(case: Case) -> Painting:
    """The one that overlay and page share."""
    return paint(case.pixels, case.findings)
