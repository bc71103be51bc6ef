"""A reader's verdict on the node's results, as it is clicked in a PACS: a key object that selects
them (PS3.3 A.35.4, PS3.16 TID 2010).

Its title says what is thought of what it selects. CID 7010 has titles for what is rejected, and
none for what is accepted: which one a site's readers accept by is for the site to say.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import Dataset

from dicom_node.intake.rejection import KEY_OBJECT_SELECTION, selected
from inference.header import items_of, text_of, texts_of

#: PS3.16 TID 1003 and 2010, DCM.
_OBSERVER, _MODIFIER, _DESCRIPTION = "121008", "113011", "113012"
#: Characters of what a reader wrote that are kept.
_MOST_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Marked:
    """What a key object says, whatever it selects."""

    title: str  #: code value and scheme, "113010 DCM"
    note: str  #: the title's meaning, its modifiers and the description
    sop_instance_uids: tuple[str, ...]  #: of what it selects, each once
    #: The observer in its content, else Content Creator's, the first Author's or Operators' Name;
    #: "" where nobody is named.
    reader: str


def read_marked(dataset: Dataset) -> Marked | None:
    """None where it is no key object, has no title or selects nothing."""
    uids = selected(dataset)
    names = items_of(dataset, "ConceptNameCodeSequence")
    if text_of(dataset, "SOPClassUID") != KEY_OBJECT_SELECTION or not uids or not names:
        return None
    title = f"{text_of(names[0], 'CodeValue')} {text_of(names[0], 'CodingSchemeDesignator')}"
    modifiers = (
        text_of(code, "CodeMeaning")
        for item in _items(dataset, _MODIFIER)
        for code in items_of(item, "ConceptCodeSequence")
    )
    described = (text_of(item, "TextValue") for item in _items(dataset, _DESCRIPTION))
    said = [text_of(names[0], "CodeMeaning") or title, *modifiers, *described]
    note = "; ".join(filter(None, said))[:_MOST_CHARACTERS]
    return Marked(title, note, uids, next(filter(None, _readers(dataset)), ""))


def _readers(dataset: Dataset) -> Iterator[str]:
    for item in _items(dataset, _OBSERVER):
        yield text_of(item, "PersonName")
    yield text_of(dataset, "ContentCreatorName")
    for author in items_of(dataset, "AuthorObserverSequence"):
        yield text_of(author, "PersonName")
    yield from texts_of(dataset, "OperatorsName")


def _items(dataset: Dataset, code: str) -> Iterator[Dataset]:
    """Content items of that name, at the top of the tree: TID 2010 has them nowhere else."""
    for item in items_of(dataset, "ContentSequence"):
        names = items_of(item, "ConceptNameCodeSequence")
        if any(text_of(name, "CodeValue") == code
               and text_of(name, "CodingSchemeDesignator") == "DCM" for name in names):  # fmt: skip
            yield item
