"""What every SR document has around its findings (PS3.3 C.17.2, C.17.3; TID 1500, TID 1001).

highdicom makes the content items, valid by construction. Document and root are written here:
highdicom's own search and copy the whole tree again, 120 ms of 190.
"""

from collections.abc import Iterable, Sequence

from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    ImageLibrary,
    LanguageOfContentItemAndDescendants,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    RelationshipTypeValues,
    TextContentItem,
)
from pydicom import Dataset
from pydicom.sr.codedict import codes as dictionary
from pydicom.sr.coding import Code

from inference.findings import Decision
from sr_writer import codes
from sr_writer.identity import Identity, Reference
from sr_writer.kind import Kind
from sr_writer.languages import Words
from sr_writer.provenance import stamp
from sr_writer.seg import SEG
from sr_writer.source import Source
from sr_writer.wording import research_use

#: TID 1003 has to have a name.
UNNAMED_READER = "Reader^Unnamed"


def sr_document(
    kind: Kind,
    source: Source,
    identity: Identity,
    root: Dataset,
    study: Dataset,
    others: Sequence[Reference] = (),
) -> Dataset:
    """A complete, unverified document with the content of `root` and the evidence of `study`.

    `others`: what else of the patient's it refers to.
    """
    document = Dataset()
    document.SOPClassUID = kind.sop_class_uid
    document.SOPInstanceUID = identity.sop_instance_uid(kind.role)
    document.Modality = "SR"
    document.InstanceNumber = 1
    document.ReferencedPerformedProcedureStepSequence = []
    document.PerformedProcedureCodeSequence = []
    document.CompletionFlag = "COMPLETE"
    document.VerificationFlag = "UNVERIFIED"
    document.PreliminaryFlag = "PRELIMINARY"
    document.CurrentRequestedProcedureEvidenceSequence = [study]
    if others:
        document.PertinentOtherEvidenceSequence = references(others)
    if identity.issue.predecessors:
        document.PredecessorDocumentsSequence = references(identity.issue.predecessors)
    document.update(root)
    stamp(document, kind, identity, source)
    return document


def evidence(source: Source, segmentation: Identity | None = None) -> Dataset:
    """The study, with the source and the SEG of `segmentation` each in its series (C.17.2.3)."""
    header = source.header
    study = Dataset()
    study.StudyInstanceUID = header.StudyInstanceUID
    study.ReferencedSeriesSequence = [
        _series(header.SeriesInstanceUID, header.SOPClassUID, header.SOPInstanceUID)
    ]
    if segmentation is not None:
        series_uid, instance_uid = segmentation.segmentation
        masks = _series(series_uid, SEG.sop_class_uid, instance_uid)
        study.ReferencedSeriesSequence.append(masks)
    return study


def references(instances: Iterable[Reference]) -> list[Dataset]:
    """These, each in its series and study (Hierarchical SOP Instance Reference, C.17-3)."""
    studies: dict[str, Dataset] = {}
    series: dict[tuple[str, str], Dataset] = {}
    for one in instances:
        item = _series(one.series_instance_uid, one.sop_class_uid, one.sop_instance_uid)
        if one.study_instance_uid not in studies:
            study = studies[one.study_instance_uid] = Dataset()
            study.StudyInstanceUID = one.study_instance_uid
            study.ReferencedSeriesSequence = []
        key = one.study_instance_uid, one.series_instance_uid
        if key in series:
            series[key].ReferencedSOPSequence.extend(item.ReferencedSOPSequence)
        else:
            series[key] = item
            studies[one.study_instance_uid].ReferencedSeriesSequence.append(item)
    return list(studies.values())


def measurement_report(
    identity: Identity,
    words: Words,
    procedure: Code,
    conclusion: str,
    images: Sequence[Dataset],
    content: Iterable[ContentItem],
) -> Dataset:
    """The root of TID 1500: language, observer, procedure, image library, then `content`.

    Before all that it contains stand the conclusion and the notice, which are the template's no
    more than its order is: an extensible one takes them where they make sense (PS3.16 6.2.5).
    """
    root = ContainerContentItem(codes.REPORT_TITLE, template_id="1500")
    root.ContentSequence = ContentSequence()
    language = codes.LANGUAGE[words.language]
    root.ContentSequence.extend(LanguageOfContentItemAndDescendants(CodedConcept(*language)))
    root.ContentSequence.extend(observer(identity, words))
    root.ContentSequence.append(
        CodeContentItem(codes.PROCEDURE_REPORTED, procedure, RelationshipTypeValues.HAS_CONCEPT_MOD)
    )
    root.ContentSequence.append(text_of(codes.CONCLUSION, conclusion, words))
    root.ContentSequence.append(text_of(codes.COMMENT, research_use(words), words))
    if images:
        root.ContentSequence.extend(ImageLibrary(images))
    root.ContentSequence.extend(content)
    dataset: Dataset = root
    return dataset


def observer(identity: Identity, words: Words) -> ObserverContext:
    """Who observed: a reader, where one has drawn what was counted (TID 1003), else this node."""
    if identity.reader is None:
        return device_observer(identity)
    name = words.name(identity.reader.author) or UNNAMED_READER
    return ObserverContext(dictionary.DCM.Person, PersonObserverIdentifyingAttributes(name))


def device_observer(identity: Identity) -> ObserverContext:
    """This node, as who observed (TID 1004)."""
    equipment = identity.equipment
    device = DeviceObserverIdentifyingAttributes(
        uid=equipment.device_uid,
        name=equipment.model_name,
        manufacturer_name=equipment.manufacturer,
        model_name=equipment.model_name,
        serial_number=equipment.device_serial_number,
    )
    return ObserverContext(dictionary.DCM.Device, device)


def explanation(
    verdict: Decision,
    reason: str,
    comments: Iterable[str],
    words: Words,
    told_by: codes.Verdict = codes.VERDICT,
) -> ContainerContentItem:
    """The verdict in codes, why, and what to read it with (TID 1500, Qualitative Evaluations)."""
    container = container_of(codes.QUALITATIVE_EVALUATIONS)
    for name, values in told_by:
        item = CodeContentItem(name, values[verdict], RelationshipTypeValues.CONTAINS)
        container.ContentSequence.append(item)
    container.ContentSequence.append(text_of(codes.SUMMARY, reason, words))
    for comment in comments:
        container.ContentSequence.append(text_of(codes.COMMENT, comment, words))
    return container


def container_of(name: Code) -> ContainerContentItem:
    """An empty container, to be put below another."""
    container = ContainerContentItem(name, relationship_type=RelationshipTypeValues.CONTAINS)
    container.ContentSequence = ContentSequence()
    return container


def text_of(name: Code, text: str, words: Words) -> TextContentItem:
    return TextContentItem(name, words.write(text), RelationshipTypeValues.CONTAINS)


def _series(series_uid: str, sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    instance = Dataset()
    instance.ReferencedSOPClassUID = sop_class_uid
    instance.ReferencedSOPInstanceUID = sop_instance_uid
    series = Dataset()
    series.SeriesInstanceUID = series_uid
    series.ReferencedSOPSequence = [instance]
    return series
