"""What a segment is of, by codes of several schemes or by what readers call it."""

import pytest
from pydicom import Dataset

from inference.findings import Laterality, Task
from inference.segmentations.segments import AlgorithmType, ContradictorySegment, described

LEFT, RIGHT = Laterality.LEFT, Laterality.RIGHT


def segment(label: str = "", number: int = 1, **codes: str) -> Dataset:
    """Of a label and the values of codes, by keyword."""
    made = Dataset()
    made.SegmentNumber, made.SegmentLabel = number, label
    for keyword, value in codes.items():
        setattr(made, keyword, [code(value)])
    return made


def code(value: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", "any"
    return item


def one_of(item: Dataset) -> tuple[Task | None, Laterality | None]:
    seg = Dataset()
    seg.SegmentSequence = [item]
    (found,) = described(seg)
    return found.task, found.side


@pytest.mark.parametrize(
    ("label", "task", "side"),
    [
        ("Left lung", Task.LUNG, LEFT),
        ("Infection in left lung", Task.INFECTION, LEFT),
        ("Lung infection R", Task.INFECTION, RIGHT),
        ("lung_right", Task.LUNG, RIGHT),
        ("LungLeft", Task.LUNG, LEFT),
        ("LUNG-L", Task.LUNG, LEFT),
        ("Linke Lunge", Task.LUNG, LEFT),
        ("Lunge rechts", Task.LUNG, RIGHT),
        ("Verschattung rechter Unterlappen", Task.INFECTION, RIGHT),
        ("Lungeninfekt links", Task.INFECTION, LEFT),
        ("Trübung", Task.INFECTION, None),
        ("Poumon gauche", Task.LUNG, LEFT),
        ("Opacité du poumon droit", Task.INFECTION, RIGHT),
        ("Zone de l'infection, à droite", Task.INFECTION, RIGHT),
        ("Pulmón izquierdo", Task.LUNG, LEFT),
        ("Opacidad en el pulmón derecho", Task.INFECTION, RIGHT),
        ("Infección", Task.INFECTION, None),
        ("Left and right lungs", Task.LUNG, None),
        ("Heart", None, None),
        ("Segment_1", None, None),
        ("", None, None),
    ],
)
def test_a_label_tells_in_four_languages(
    label: str, task: Task | None, side: Laterality | None
) -> None:
    assert one_of(segment(label)) == (task, side)


@pytest.mark.parametrize(
    ("value", "task", "side"),
    [
        ("39607008", Task.LUNG, None),
        ("44029006", Task.LUNG, LEFT),
        ("3341006", Task.LUNG, RIGHT),
        ("T-28100", Task.LUNG, RIGHT),
        ("112001", Task.INFECTION, None),
        ("233604007", Task.INFECTION, None),
    ],
)
def test_a_code_goes_before_a_label(value: str, task: Task | None, side: Laterality | None) -> None:
    assert one_of(segment("Segment_3", SegmentedPropertyTypeCodeSequence=value)) == (task, side)


def test_tissue_leaves_it_to_the_label() -> None:
    """OHIF says no more by its codes."""
    tissue = segment("Infection in right lung", SegmentedPropertyTypeCodeSequence="T-D0050")
    assert one_of(tissue) == (Task.INFECTION, RIGHT)


def test_the_side_may_be_a_modifier_of_type_or_region() -> None:
    lung = segment("Segment_1", SegmentedPropertyTypeCodeSequence="39607008")
    (of,) = lung.SegmentedPropertyTypeCodeSequence
    of.SegmentedPropertyTypeModifierCodeSequence = [code("7771000")]
    assert one_of(lung) == (Task.LUNG, LEFT)
    opacity = segment(
        "x", SegmentedPropertyTypeCodeSequence="112001", AnatomicRegionSequence="39607008"
    )
    opacity.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [code("24028007")]
    assert one_of(opacity) == (Task.INFECTION, RIGHT)


def test_codes_and_label_of_two_sides_are_refused() -> None:
    """Who renames a copied segment forgets the codes, or the other way round: nobody can tell."""
    with pytest.raises(ContradictorySegment, match=r"'Right lung', is left by its codes"):
        one_of(segment("Right lung", SegmentedPropertyTypeCodeSequence="44029006"))


def test_how_it_was_made_is_told() -> None:
    seg = Dataset()
    seg.SegmentSequence = [segment("a", 1), segment("b", 2), segment("c", 3)]
    for item, said in zip(seg.SegmentSequence, ("MANUAL", "AUTOMATIC", "MAGIC"), strict=True):
        item.SegmentAlgorithmType = said
    found = described(seg)
    assert [one.algorithm for one in found] == [
        AlgorithmType.MANUAL, AlgorithmType.AUTOMATIC, None,
    ]  # fmt: skip
    assert [one.is_by_hand for one in found] == [True, False, False]
