"""The rejection note (IHE IOCM): a Key Object Selection that takes back results of ours.

A document title of CID 7010 says why, and what it selects is no longer to be shown or used. It
lies in the study of what it rejects, under the patient whom that names.
"""

from collections.abc import Collection, Sequence
from copy import deepcopy
from functools import partial

from highdicom.sr import (
    CompositeContentItem,
    ContainerContentItem,
    ContentSequence,
    ImageContentItem,
    RelationshipTypeValues,
)
from pydicom import Dataset

from sr_writer import codes
from sr_writer.identity import RESEARCH_USE, Identity, Reference
from sr_writer.kind import Kind
from sr_writer.ko import KO
from sr_writer.ko.document import key_object
from sr_writer.ko.verify import rejection_note_faults
from sr_writer.language import ENGLISH
from sr_writer.languages import words_of
from sr_writer.output import Output, output_of, part10
from sr_writer.source import EQUIPMENT, read_source
from sr_writer.sr.document import device_observer, references, text_of
from sr_writer.verify import verify


def write_rejection_note(
    header: Dataset,
    rejected: Sequence[Reference],
    title: str,
    said: str,
    identity: Identity,
    kinds: Sequence[Kind],
) -> Output:
    """The note, with the patient and study of `header`; `said` is a sentence for people.

    `rejected` are instances of that study and of `kinds`, `title` is the code value of
    `codes.REJECTION` that says why. The same input gives the same bytes. Raises InvalidResult.
    """
    header = deepcopy(header)
    for keyword in EQUIPMENT:
        # Not who acquired anything: `header` may be one of our own results.
        if keyword in header:
            del header[keyword]
    source = read_source(header, identity.source_sop_instance_uid, (1, 1), None)
    images = {kind.sop_class_uid for kind in kinds if kind.has_pixels}
    selection = _content(rejected, images, title, said, identity)
    document = key_object(selection, references(rejected), source, identity)
    content = part10(document, source, words_of(ENGLISH))
    faults = partial(rejection_note_faults, title=title, rejected=rejected)
    verify(KO, content, source, identity, faults)
    return output_of(KO, content, str(source.header.StudyInstanceUID), identity)


def _content(
    rejected: Sequence[Reference],
    images: Collection[str],
    title: str,
    said: str,
    identity: Identity,
) -> Dataset:
    root = ContainerContentItem(codes.REJECTION[title], template_id="2010")
    root.ContentSequence = ContentSequence()
    root.ContentSequence.extend(device_observer(identity))
    # In English, whatever the results speak: it is for the archive.
    description = f"{said} {RESEARCH_USE}"
    root.ContentSequence.append(
        text_of(codes.KEY_OBJECT_DESCRIPTION, description, words_of(ENGLISH))
    )
    for one in rejected:
        # What has pixels is selected as IMAGE (TID 2010).
        selected = ImageContentItem if one.sop_class_uid in images else CompositeContentItem
        item = selected(
            codes.SOURCE,
            one.sop_class_uid,
            one.sop_instance_uid,
            relationship_type=RelationshipTypeValues.CONTAINS,
        )
        root.ContentSequence.append(item)
    content: Dataset = root
    return content
