"""Every word a person reads of a result, so that overlay, page, report, presentation state and key
object tell the same in the same words.

Numbers are rounded to what the method can tell: it is off by many points, so decimals would claim
what is not known. Exact values stand in the report's numeric content items.
"""

import math
from collections.abc import Mapping

from inference.findings import Findings, LungMeasurement
from sr_writer.verdict import Verdict, verdict_of

HEADLINE: Mapping[Verdict, str] = {
    Verdict.POSITIVE: "COVID-19 infection seen",
    Verdict.FAINT: "Faint signs of COVID-19, doubtful",
    Verdict.NEGATIVE: "No COVID-19 infection seen",
    Verdict.UNDETERMINED: "Undetermined",
    Verdict.NOT_ANALYSED: "Not analysed",
    Verdict.FAILED: "Analysis failed",
}
#: What each extent grade means (`inference.findings.extent_grade`).
_GRADE_MEANING = (
    "none of it infected",
    "less than a quarter infected",
    "a quarter to a half infected",
    "half to three quarters infected",
    "more than three quarters infected",
)
#: Step of a percentage from ten on: the eye reads no finer either.
_PERCENT_STEP = 5
_MM2_PER_CM2 = 100


def headline(findings: Findings) -> str:
    return HEADLINE[verdict_of(findings)]


def detail(findings: Findings) -> str:
    """What is said below the headline: how much, or why nothing is."""
    found = [lung for lung in (findings.left, findings.right) if lung.lung_pixels]
    if verdict_of(findings) not in (Verdict.POSITIVE, Verdict.FAINT) or not found:
        return findings.reason
    if len(found) == 2:
        said = f"{percent(findings.infected_percent)} of the lungs"
    else:
        [lung] = found
        said = f"{percent(lung.infected_percent)} of the {lung.laterality} lung, the only one found"
    error = percent_error(findings)
    return f"{said[0].upper()}{said[1:]}{f' ({error})' if error else ''}."


def conclusion(findings: Findings) -> str:
    """Headline and detail: all that somebody in a hurry reads."""
    return concluded(verdict_of(findings), detail(findings))


def concluded(verdict: Verdict, why: str) -> str:
    """The conclusion of a verdict and the sentence below it."""
    return f"{HEADLINE[verdict]}. {why}"


def percent(value: float | None) -> str:
    """An infected percentage: below ten to whole per cent, above to fives; "-" if not known.

    Nothing but nothing is "0 %".
    """
    if value is None:
        return "-"
    if value == 0:
        return "0 %"
    if value < 1:
        return "under 1 %"
    step = 1 if value < 10 else _PERCENT_STEP
    return f"about {_to_step(value, step)} %"


def percent_error(findings: Findings) -> str | None:
    """How far off the percentage of both lungs may be; None where that is not known.

    It was measured on images with infection: a clear positive is the one case it speaks of.
    """
    points = findings.percent_error_points
    is_clear = verdict_of(findings) is Verdict.POSITIVE
    if points is None or findings.infected_percent is None or not is_clear:
        return None
    whole = max(1, _to_step(points, 1))
    return f"off by {whole} {'point' if whole == 1 else 'points'} on average"


def lung_name(lung: LungMeasurement) -> str:
    """Which lung, and what the figure with it is."""
    name = f"{lung.laterality.value.capitalize()} lung"
    return f"{name}, infected" if lung.lung_pixels else f"{name}, not found"


def both_name(findings: Findings) -> str:
    """What the figure of both lungs is."""
    return f"Both lungs, {'not known' if findings.infected_percent is None else 'infected'}"


def grade(findings: Findings, lung: LungMeasurement) -> tuple[str, ...]:
    """A lung's extent grade and what it means, two short lines; none where it has no grade.

    Faint signs are a place to look at, not an extent: they are not graded.
    """
    if lung.extent_grade is None:
        return ()
    if lung.infected_pixels and verdict_of(findings) is Verdict.FAINT:
        return ("faint, not graded",)
    return (f"extent grade {lung.extent_grade} of 4", _GRADE_MEANING[lung.extent_grade])


def area(lung: LungMeasurement) -> str | None:
    """How much of how large a lung, in square centimetres; None without pixel spacing."""
    if lung.lung_area_mm2 is None or lung.infected_area_mm2 is None:
        return None
    return f"{_cm2(lung.infected_area_mm2)} of {_cm2(lung.lung_area_mm2)} cm2"


def ascii_text(text: str) -> str:
    """Text that reads the same in whichever character set the source came in.

    Without blanks at its end, which nobody keeps (PS3.5 6.2).
    """
    return text.encode("ascii", "replace").decode("ascii").rstrip()


def _cm2(mm2: float) -> str:
    """Two digits: more would be noise."""
    cm2 = mm2 / _MM2_PER_CM2
    if 0 < cm2 < 1:
        return "under 1"
    return str(_to_step(cm2, 1 if cm2 < 100 else 10))


def _to_step(value: float, step: int) -> int:
    """The nearest multiple of `step`, halves up."""
    return step * math.floor(value / step + 0.5)
