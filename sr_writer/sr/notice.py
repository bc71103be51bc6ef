"""The notice: a report that there is no result, and why. Silence would be read as "nothing found".

TID 1500 with Qualitative Evaluations alone. A measurement group would need an image region (one
without crashes OHIF 3.13), and where nothing was analysed there is no region to show.
"""

from datetime import datetime
from functools import partial

from pydicom import Dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)

from inference.findings import Decision
from inference.pipeline import Pipeline
from sr_writer import codes
from sr_writer.equipment import Equipment
from sr_writer.identity import FIRST_ISSUE, Identity, Issue
from sr_writer.kind import Kind
from sr_writer.languages.lettering import words_in
from sr_writer.output import Output, output_of, part10
from sr_writer.source import read_source, stated_shape
from sr_writer.sr import SR
from sr_writer.sr.document import evidence, explanation, measurement_report, sr_document
from sr_writer.sr.verify import notice_faults
from sr_writer.verify import verify
from sr_writer.wording import concluded

#: What the image library can describe from rows and columns alone (TID 1602).
_RADIOGRAPHS = frozenset(
    {
        ComputedRadiographyImageStorage,
        DigitalXRayImageStorageForPresentation,
        DigitalXRayImageStorageForProcessing,
        SecondaryCaptureImageStorage,
    }
)


def write_notice(
    header: Dataset,
    sop_instance_uid: str,
    decision: Decision,
    reason: str,
    pipeline: Pipeline,
    equipment: Equipment,
    created: datetime,
    kind: Kind = SR,
    issue: Issue = FIRST_ISSUE,
) -> Output:
    """Why there is no result: `decision` is NOT_ANALYSED or FAILED, `reason` a sentence for people.

    `header` is whatever is known of the source, `pipeline` the one that passed it over.
    The same input gives the same bytes. Raises InvalidResult.
    """
    if decision not in (Decision.NOT_ANALYSED, Decision.FAILED):
        raise ValueError(f"{decision} is a result: it has a report, not a notice")
    shape = stated_shape(header)
    source = read_source(header, sop_instance_uid, shape or (1, 1), None)
    words = words_in(kind.language, source)
    why = words.reason(reason)
    identity = Identity(
        sop_instance_uid,
        pipeline,
        equipment,
        created,
        notice=decision,
        issue=issue,
        language=kind.language,
    )
    is_described = shape is not None and source.header.SOPClassUID in _RADIOGRAPHS
    root = measurement_report(
        identity,
        words,
        codes.RADIOGRAPHY,
        concluded(decision, why, words),
        [source.header] if is_described else [],
        [explanation(decision, why, [], words)],
    )
    document = sr_document(kind, source, identity, root, evidence(source))
    content = part10(document, source, words)
    faults = partial(notice_faults, source=source, identity=identity, reason=why, words=words)
    verify(kind, content, source, identity, faults)
    return output_of(kind, content, str(source.header.StudyInstanceUID), identity)
