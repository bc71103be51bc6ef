"""The Key Object Selection (PS3.3 A.35.4, TID 2010): a positive radiograph is "Of Interest".

A PACS puts what it selects on top of a list, so it is written for clearly positive radiographs
alone: half of the faint ones have no infection.
"""

from highdicom.sr import (
    ContainerContentItem,
    ContentSequence,
    ImageContentItem,
    RelationshipTypeValues,
)
from pydicom import Dataset

from inference.findings import Decision, Findings
from sr_writer import codes
from sr_writer.case import Case
from sr_writer.identity import Identity
from sr_writer.ko.document import key_object
from sr_writer.languages import Words
from sr_writer.seg import SEG
from sr_writer.source import Source
from sr_writer.sr.document import device_observer, evidence, text_of
from sr_writer.wording import conclusion, research_use


def is_key(findings: Findings) -> bool:
    """Whether there is a Key Object Selection of them."""
    return findings.decision is Decision.POSITIVE


def build(case: Case) -> Dataset:
    """The KO of what was found, which is positive."""
    source, identity = case.source, case.identity
    content = _content(source, case.findings, identity, case.words)
    return key_object(content, [evidence(source, identity)], source, identity)


def _content(source: Source, findings: Findings, identity: Identity, words: Words) -> Dataset:
    header = source.header
    root = ContainerContentItem(codes.OF_INTEREST, template_id="2010")
    root.ContentSequence = ContentSequence()
    root.ContentSequence.extend(device_observer(identity))
    why = words.reason(findings.reason)
    said = f"{conclusion(findings, words)} {why} {research_use(words)}"
    root.ContentSequence.append(text_of(codes.KEY_OBJECT_DESCRIPTION, said, words))
    for sop_class_uid, sop_instance_uid in (
        (header.SOPClassUID, header.SOPInstanceUID),
        (SEG.sop_class_uid, identity.sop_instance_uid(SEG.role)),
    ):
        root.ContentSequence.append(
            ImageContentItem(
                codes.SOURCE,
                sop_class_uid,
                sop_instance_uid,
                relationship_type=RelationshipTypeValues.CONTAINS,
            )
        )
    for item in root.ContentSequence:
        if item.ValueType == "IMAGE":
            # highdicom wants a purpose of reference; TID 2010 has none for what is selected.
            del item.ConceptNameCodeSequence
    content: Dataset = root
    return content
