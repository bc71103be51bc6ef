"""What each segment of a SEG is of (PS3.3 C.8.20.4): by its codes, else by what it is called.

OHIF writes "Tissue" for the property of whatever is drawn, so that only the label tells; other
viewers leave the codes of what was edited. Order and numbers say nothing.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pydicom import Dataset

from inference.findings import Laterality, Task
from inference.header import items_of, text_of

#: Segmented Property Type and Anatomic Region code values: of SNOMED CT, of SNOMED RT, of DCM.
_TASKS = {
    # Lung, left lung, right lung.
    **dict.fromkeys(("39607008", "44029006", "3341006"), Task.LUNG),
    **dict.fromkeys(("T-28000", "T-28500", "T-28100"), Task.LUNG),
    # Opacity, COVID-19, pneumonia, pneumonia of COVID-19.
    **dict.fromkeys(("112001", "840539006", "233604007", "882784691000119100"), Task.INFECTION),
}
_SIDES = {
    **dict.fromkeys(("7771000", "G-A101", "44029006", "T-28500"), Laterality.LEFT),
    **dict.fromkeys(("24028007", "G-A100", "3341006", "T-28100"), Laterality.RIGHT),
}
#: What a segment is called, in English, German, French and Spanish: beginnings of words without
#: accents. "Lung infection" and "Infection in left lung" name both: the infection is what is drawn.
_INFECTION = (
    "infect", "infekt", "infecc", "opacit", "opacid", "opacif", "verschatt", "trubung", "trueb",
    "infiltr", "consolid", "konsolid", "covid", "neumonia", "pneumonie", "ground glass",
    "milchglas", "verre depoli", "vidrio",
)  # fmt: skip
_LUNG = ("lung", "pulm", "poumon")
_LEFT = re.compile(
    r"\b(l|lt|left|links?|linke[nrms]?|gauches?|izquierd[oa]s?|sinister|sinistra?)\b"
)
_RIGHT = re.compile(r"\b(r|rt|right|rechts?|rechte[nrms]?|droite?s?|derech[oa]s?|dexter|dextra?)\b")


class AlgorithmType(StrEnum):
    """(0062,0008): how much of a segment is a person's doing."""

    AUTOMATIC = "AUTOMATIC"
    SEMIAUTOMATIC = "SEMIAUTOMATIC"
    MANUAL = "MANUAL"


class ContradictorySegment(ValueError):
    """A segment whose codes say one side and whose label says the other."""


@dataclass(frozen=True, slots=True)
class Described:
    """One item of the Segment Sequence."""

    number: int
    label: str
    task: Task | None  #: None: neither lung nor infection, as far as can be told
    side: Laterality | None  #: None: not said, or of both
    algorithm: AlgorithmType | None  #: None: not said, or no such type

    @property
    def is_by_hand(self) -> bool:
        return self.algorithm in (AlgorithmType.MANUAL, AlgorithmType.SEMIAUTOMATIC)


def described(dataset: Dataset) -> list[Described]:
    """Every segment that has a number; raises ContradictorySegment."""
    return list(_described(dataset))


def _described(dataset: Dataset) -> Iterator[Described]:
    for segment in items_of(dataset, "SegmentSequence"):
        number = text_of(segment, "SegmentNumber")
        if number.isdigit():
            label = text_of(segment, "SegmentLabel")
            yield Described(
                int(number),
                label,
                _task_of(segment, label),
                _side_of(segment, label),
                _algorithm_of(segment),
            )


def _task_of(segment: Dataset, label: str) -> Task | None:
    for code in items_of(segment, "SegmentedPropertyTypeCodeSequence"):
        if task := _TASKS.get(text_of(code, "CodeValue")):
            return task
    said = _plain(label)
    if any(word in said for word in _INFECTION):
        return Task.INFECTION
    return Task.LUNG if any(word in said for word in _LUNG) else None


def _side_of(segment: Dataset, label: str) -> Laterality | None:
    coded, called = _coded_side(segment), _called_side(label)
    if coded and called and coded is not called:
        raise ContradictorySegment(
            f"segment {text_of(segment, 'SegmentNumber')}, {label!r}, is {coded} by its codes and"
            f" {called} by its label"
        )
    return coded or called


def _coded_side(segment: Dataset) -> Laterality | None:
    """By the code of a lung, or by the modifier of one (C.8.20.4)."""
    found = {
        side
        for of, modifier in (
            ("SegmentedPropertyTypeCodeSequence", "SegmentedPropertyTypeModifierCodeSequence"),
            ("AnatomicRegionSequence", "AnatomicRegionModifierSequence"),
        )
        for code in items_of(segment, of)
        for one in (code, *items_of(code, modifier))
        if (side := _SIDES.get(text_of(one, "CodeValue")))
    }
    return found.pop() if len(found) == 1 else None


def _called_side(label: str) -> Laterality | None:
    said = _plain(label)
    sides = {Laterality.LEFT: _LEFT.search(said), Laterality.RIGHT: _RIGHT.search(said)}
    found = [side for side, match in sides.items() if match]
    return found[0] if len(found) == 1 else None


def _algorithm_of(segment: Dataset) -> AlgorithmType | None:
    said = text_of(segment, "SegmentAlgorithmType").upper()
    return next((one for one in AlgorithmType if one == said), None)


def _plain(label: str) -> str:
    """Words in small letters without accents, apart: "Lung_left", "LungLeft", "LUNG-L"."""
    # French elides: "l'infection" names no left.
    whole = re.sub(r"\b[dlDL]['\u2019]", " ", unicodedata.normalize("NFKD", label))
    apart = re.sub(r"([a-z])([A-Z])", r"\1 \2", whole)
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[a-z0-9]+", bare.casefold()))
