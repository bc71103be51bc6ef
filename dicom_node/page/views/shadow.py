"""Shadow: what the pipeline that is only tried says of the same images."""

from datetime import timedelta
from io import BytesIO

from PIL import Image
from starlette.responses import Response

from dicom_node.errors import NodeError
from dicom_node.ledger import PICTURE_GAP, Tried
from dicom_node.ops.asked.differences import (
    DECISIONS,
    Differences,
    Preferred,
    differences,
    name_of,
    preferred,
)
from dicom_node.page.access.visit import Visit
from dicom_node.page.views.job import id_of, note_look

#: Seconds for which it is the same for all who look.
_STANDS_S = 30.0
_QUALITY = 90


def shadow(visit: Visit) -> Response:
    node = visit.node
    pair, days = (node.pipeline(), node.shadow()), node.config.shadow.days

    def look() -> tuple[Differences, Tried, Preferred]:
        ledger = node.ledger
        since = ledger.now() - timedelta(days=days)
        compared = ledger.shadows.compared(*pair, since)
        said = preferred(compared, ledger.assessments.since_by_job(since), pair)
        return differences(compared), ledger.shadows.tried(*pair, since), said

    asked = node.once_in(_STANDS_S, ("shadow", pair), look) if pair[1] else (None, None, None)
    found, tried, readers = asked
    return visit.page(
        "shadow.html",
        found=found,
        tried=tried,
        readers=readers,
        pair=pair,
        days=days,
        leads=node.config.shadow.leads,
        decisions=DECISIONS,
        name_of=name_of,
    )


def picture(visit: Visit) -> Response:
    """What both see, side by side; `?half=left`, that which was sent, or `right` alone; of the
    pipeline that was tried last, or of `?pipeline=`.
    """
    job_id = id_of(visit)
    content = visit.node.ledger.shadows.picture(job_id, visit.query.get("pipeline", ""))
    if content is None:
        raise NodeError("there is no picture of it")
    if (job := visit.node.ledger.jobs.get(job_id)) is not None:
        note_look(visit, job, is_more=True)
    if half := visit.query.get("half", ""):
        content = _half(content, is_left=half == "left")
    return Response(content, media_type="image/webp")


def _half(content: bytes, *, is_left: bool) -> bytes:
    file = BytesIO()
    with Image.open(BytesIO(content)) as both:
        width = (both.width - PICTURE_GAP) // 2
        left = 0 if is_left else both.width - width
        both.crop((left, 0, left + width, both.height)).save(file, "WEBP", quality=_QUALITY)
    return file.getvalue()
