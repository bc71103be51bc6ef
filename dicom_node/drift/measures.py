"""What of a device's images is compared, and which weeks of them."""

from datetime import timedelta
from enum import StrEnum

#: The images of this are compared with those of that: whole weeks both, so that each day of the
#: week, and who comes on it, weighs the same in either.
WEEK, BEFORE = timedelta(days=7), timedelta(days=28)


class Measure(StrEnum):
    """By the names that people read."""

    #: Shares of the images.
    POSITIVE = "positive"
    UNDETERMINED = "undetermined"
    CAUTIONED = "with a caution"
    NOT_ANALYSED = "not analysed"
    #: Percent of both lungs, where any is: `FindingsRecord.percent_both`.
    INFECTED = "infected"
    #: `inference.gray.quality.GrayStatistics`.
    BRIGHTNESS = "brightness"
    CONTRAST = "contrast"
    SHARPNESS = "sharpness"
    #: Distance from what the networks learnt from (`inference.engines.familiarity`).
    STRANGENESS = "strangeness"

    @property
    def is_share(self) -> bool:
        return self in SHARES


SHARES = (Measure.POSITIVE, Measure.UNDETERMINED, Measure.CAUTIONED, Measure.NOT_ANALYSED)
VALUES = tuple(measure for measure in Measure if measure not in SHARES)
