"""What two pipelines see on one radiograph, side by side: for people who wonder why they differ."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image

from dicom_node.ledger import PICTURE_GAP, Said
from dicom_node.worker.pictures import found_in
from inference.decode import Radiograph
from inference.findings import Findings
from inference.segmentations.masks import Drawn
from sr_writer.painting import paint

#: Percentage points of both lungs by which two pipelines differ enough to be looked at.
APART_POINTS = 10.0
#: Longest side of each of the two, in pixels.
_SIDE = 560
_QUALITY = 80


def is_worth_a_look(one: Said, other: Said) -> bool:
    """Whether they say what a reader would take for two different things."""
    if one.decision != other.decision:
        return True
    if one.percent_both is None or other.percent_both is None:
        return one.percent_both != other.percent_both
    return abs(one.percent_both - other.percent_both) >= APART_POINTS


def side_by_side(radiograph: Radiograph, drawn: Drawn | None, tried: Findings) -> bytes:
    """WebP: on the left what was sent, or the radiograph alone where that is gone or had no lungs;
    on the right what was only tried.
    """
    sent = None if drawn is None else found_in(drawn, radiograph)
    gray = Image.fromarray((radiograph.pixels * 255).astype(np.uint8)).convert("RGB")
    pictures = [
        gray if found is None else paint(radiograph.pixels, found).image for found in (sent, tried)
    ]
    file = BytesIO()
    _joined(pictures).save(file, "WEBP", quality=_QUALITY)
    return file.getvalue()


def _joined(pictures: Sequence[Image.Image]) -> Image.Image:
    # The painting has square pixels, the radiograph itself perhaps not: that of the last holds.
    aspect = min(_SIDE / max(pictures[-1].size), 1.0)
    size = tuple(max(1, round(length * aspect)) for length in pictures[-1].size)
    width, height = size[0], size[1]
    joined = Image.new("RGB", (len(pictures) * (width + PICTURE_GAP) - PICTURE_GAP, height))
    for number, picture in enumerate(pictures):
        joined.paste(picture.resize((width, height)), (number * (width + PICTURE_GAP), 0))
    return joined
