"""One job: what happened, what was found, where its results are, why not, and what to do."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from io import BytesIO

from PIL import Image
from pydicom import dcmread
from starlette.responses import RedirectResponse, Response

from dicom_node.audit import Subject, subject_of
from dicom_node.errors import NodeError, UsageError
from dicom_node.intake.correction import SEGMENTATION
from dicom_node.ledger import Entry, Filter, Instance, Job, JobState, Ledger, Output, Priority
from dicom_node.ledger import Search as Instances
from dicom_node.ops.asked.archives import became, in_order, standing
from dicom_node.ops.asked.bulk import Action, meant
from dicom_node.ops.asked.earlier import WHY, change, points
from dicom_node.ops.asked.following import (
    analysed_at,
    delivery_document,
    last_times,
    why,
)
from dicom_node.ops.asked.readers import (
    agreement,
    counted_by_node,
    counted_by_reader,
    reader_of,
)
from dicom_node.ops.asked.story import Story
from dicom_node.ops.remedies import remedy
from dicom_node.ops.standing import UNSEEN
from dicom_node.page.access.visit import Visit
from dicom_node.page.site.course import course
from dicom_node.page.views.jobs import WORDS, may
from dicom_node.page.views.report import Report, read_report
from dicom_node.page.views.words import VERDICTS, state_of

#: Longest side of the picture, in pixels.
_PICTURE = 1100
#: Events at the beginning and at the end; an outage makes hundreds.
_ENDS = 30
#: The class of a report's SOP Class (PS3.4 B.5) begins so.
_REPORTS = "1.2.840.10008.5.1.4.1.1.88."
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def job(visit: Visit) -> Response:
    job_id = id_of(visit)
    node, ledger = visit.node, visit.node.ledger
    story = Story.of(node.config, ledger, job_id)
    outputs = ledger.lookups.outputs(job_id)
    note_look(visit, story.job, is_more=visit.is_live)
    at = last_times(story.events)
    return visit.page(
        "job.html",
        now=ledger.now(),
        story=story,
        state=state_of(story.at_a_glance),
        origin=_origin(ledger, story),
        analysed_at=analysed_at(story.events),
        to_do=remedy(story.failure) if story.failure else "",
        deliveries=[
            delivery_document(one, at.get(one.id), story.outlook) | {"why": why(one)}
            for one in story.deliveries
            if one.state not in UNSEEN
        ],
        timeline=_timeline(story),
        left_out=max(0, len(story.events) - 2 * _ENDS),
        earlier=_earlier(story),
        archives=_archives(story),
        readers=_readers(story),
        said=story.assessments,
        verdicts=VERDICTS,
        may_draw=may_draw(visit, story.job, outputs),
        picture=picture_of(outputs),
        report=report_of(visit, outputs),
        priorities=list(Priority),
        actions=_actions(visit, job_id),
    )


def picture(visit: Visit) -> Response:
    """The overlay as PNG, as a viewer shows it, of a size for a page."""
    job_id = id_of(visit)
    ledger = visit.node.ledger
    found, job = picture_of(ledger.lookups.outputs(job_id)), ledger.jobs.get(job_id)
    if found is None or job is None:
        raise NodeError("there is no picture of it")
    note_look(visit, job, is_more=True)
    content = visit.node.spool.read_verified(found.path, found.sha256)
    image = Image.fromarray(dcmread(BytesIO(content)).pixel_array)
    image.thumbnail((_PICTURE, _PICTURE))
    file = BytesIO()
    image.save(file, "PNG", compress_level=3)
    return Response(file.getvalue(), media_type="image/png")


def rank(visit: Visit) -> Response:
    """Let it go before or after others."""
    job_id, name = id_of(visit), visit.form.get("priority", "")
    if name not in Priority.__members__:
        raise UsageError("there is no such priority")
    visit.note("ranked", f"job {job_id}", name)
    changed = visit.node.ledger.ranking.rank(job_id, Priority[name], visit.by)
    visit.tell(f"It is {name} now." if changed else f"It was {name} already.")
    return RedirectResponse(f"/jobs/{job_id}", 303)


def id_of(visit: Visit) -> int:
    number = str(visit.params["job_id"])
    if len(number) > 18:
        raise NodeError("there is no such job")
    return int(number)


def note_look(visit: Visit, job: Job, *, is_more: bool) -> None:
    seen = partial(_subject, visit, job)
    about = f"job {job.id}"
    visit.audit.saw(visit.visitor.name, visit.address, about, seen, is_more=is_more)


def _subject(visit: Visit, job: Job) -> Subject:
    try:
        return subject_of(visit.node.spool.read(job.path), job.study_instance_uid)
    except NodeError:
        return Subject(job.study_instance_uid)


def _origin(ledger: Ledger, story: Story) -> Instance | None:
    """The bytes that the job is about; None where a version accepted them that kept none."""
    uid = story.job.sop_instance_uid
    found = ledger.instances.find(Instances(sop_instance_uids=[uid]))
    return next((one for one in found if one.stored.sha256 == story.job.sha256), None)


def _earlier(story: Story) -> dict[str, object] | None:
    """None where its reports tell of no earlier radiograph."""
    told = story.progression
    if not told:
        return None
    shown = points(told, story.findings)
    return {
        "points": shown,
        "chart": course(shown) if told.priors else "",
        "change": change(shown),
        "omitted": [(one, WHY[one.why]) for one in told.omitted],
    }


def _archives(story: Story) -> list[dict[str, object]]:
    """Those that were asked for earlier radiographs, and what became of what each showed."""
    return [
        {
            "name": one.destination,
            "standing": standing(one),
            "shown": [(shown, became(shown)) for shown in in_order(one)],
        }
        for one in story.inquiries
    ]


def _readers(story: Story) -> list[dict[str, object]]:
    """What readers have drawn on it, the one that counts first; of a Segmentation, itself."""
    return [
        {
            "name": reader_of(one),
            "correction": one,
            "figures": [("Reader", counted_by_reader(one)), ("Node", counted_by_node(one))],
            "agreement": agreement(one),
        }
        for one in story.corrections
    ]


def may_draw(visit: Visit, job: Job, outputs: Sequence[Output]) -> bool:
    """Whether what a reader draws on it would be taken: a Segmentation is there to be changed."""
    accepts = visit.node.config.corrections.accept and job.state is JobState.BUILT
    return accepts and any(one.sop_class_uid == SEGMENTATION for one in outputs)


def picture_of(outputs: Sequence[Output]) -> Output | None:
    return next((one for one in outputs if one.sop_class_uid == _SECONDARY_CAPTURE), None)


def report_of(visit: Visit, outputs: Sequence[Output]) -> Report | None:
    """None where none was built, or its file is not what was built: it is built again."""
    found = next((one for one in outputs if one.sop_class_uid.startswith(_REPORTS)
                  and one.role.startswith("SR")), None)  # fmt: skip
    if found is None:
        return None
    try:
        return read_report(visit.node.spool.read_verified(found.path, found.sha256))
    except NodeError:
        return None


def _timeline(story: Story) -> list[tuple[Entry, str, float | None]]:
    """Each event, what it is about, and the seconds since the one before."""
    about = {one.id: f"{one.role} to {one.destination}" for one in story.deliveries}
    before: datetime | None = None
    found = []
    for event in story.events:
        passed = None if before is None else max(0.0, (event.at - before).total_seconds())
        found.append((event, about.get(event.delivery_id or 0, ""), passed))
        before = event.at
    return found if len(found) <= 2 * _ENDS else [*found[:_ENDS], *found[-_ENDS:]]


def _actions(visit: Visit, job_id: int) -> list[tuple[Action, str]]:
    """What can be done to it, by whom it is that looks."""
    return [
        (action, WORDS[action][0])
        for action in Action
        if may(visit, action) and meant(visit.node.ledger, Filter(ids=[job_id]), action).job_ids
    ]
