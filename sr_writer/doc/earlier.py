"""The last radiographs before, small, for the page's chart: each stands above its date."""

from collections.abc import Mapping

from sr_writer.case import Case
from sr_writer.doc.pen import Pen
from sr_writer.painting import Painting
from sr_writer.progression import Progression

#: So many of the last are shown: more would be too small to see anything in.
_MOST = 3
#: Points, of the longer side at most.
TALL = 84.0
#: Of the longer side, about 260 dots per inch.
_LONG_EDGE_PX = 300

#: By the SOP Instance UID of the radiograph.
Pictures = Mapping[str, Painting]


def pictures_of(case: Case) -> Pictures:
    """Of those of the last priors that can still be read."""
    told = case.identity.progression
    uids = {prior.image.sop_instance_uid: prior for prior in told.priors[-_MOST:]} if told else {}
    found = {uid: case.earlier(prior) for uid, prior in uids.items()}
    return {uid: picture for uid, picture in found.items() if picture is not None}


def bare(pictures: Pictures, told: Progression) -> list[str]:
    """When those were taken that no outlines are shown of: nobody is to think that none are due."""
    shown = ((prior, pictures.get(prior.image.sop_instance_uid)) for prior in told.priors)
    return [prior.taken for prior, picture in shown if picture and picture.sides is None]


def draw_picture(pen: Pen, picture: Painting, x: float, y: float, wide: float) -> None:
    """Its centre at x, its lower edge at y, at most `wide` points wide."""
    columns, rows = picture.image.size
    scale = min(wide / columns, TALL / rows)
    width, height = scale * columns, scale * rows
    pen.picture(picture.image, x - width / 2, y - height, width, height, _LONG_EDGE_PX)
