"""How a result is put into words, so that overlay, page, report, presentation state and key object
tell the same in the same words, whatever the language.

Numbers are rounded to what the method can tell: it is off by many points, so decimals would claim
what is not known. Exact values stand in the report's numeric content items.
"""

import math

from inference.findings import Decision, Findings, Laterality, LungMeasurement
from sr_writer.languages import Words

#: Step of a percentage from ten on: the eye reads no finer either.
_PERCENT_STEP = 5
_MM2_PER_CM2 = 100


def headline(findings: Findings, words: Words) -> str:
    return words(f"headline.{findings.decision}")


def research_use(words: Words) -> str:
    """What no result goes without."""
    return words("notice.research")


def detail(findings: Findings, words: Words) -> str:
    """What is said below the headline: how much, or why nothing is."""
    found = [lung for lung in (findings.left, findings.right) if lung.lung_pixels]
    if findings.decision is not Decision.POSITIVE or not found:
        return words.reason(findings.reason)
    if len(found) == 2:
        said = _share(findings.infected_percent, "of_both", words)
    else:
        [lung] = found
        said = _share(lung.infected_percent, f"of_{lung.laterality}", words)
    error = percent_error(findings, words)
    return f"{said}{f' ({error})' if error else ''}."


def conclusion(findings: Findings, words: Words) -> str:
    """Headline and detail: all that somebody in a hurry reads."""
    return concluded(findings.decision, detail(findings, words), words)


def concluded(verdict: Decision, why: str, words: Words) -> str:
    """The conclusion of a verdict and the sentence below it, which is in the words' language."""
    return f"{words(f'headline.{verdict}')}. {why}"


def cautions(findings: Findings, words: Words) -> list[str]:
    """What it is to be read with, a sentence each."""
    return [words.reason(caution.says(findings.refusal)) for caution in findings.cautions]


def percent(value: float | None, words: Words) -> str:
    """An infected percentage: below ten to whole per cent, above to fives; "-" if not known.

    Nothing but nothing is "0 %".
    """
    if value is None:
        return "-"
    if value == 0:
        return words("percent.none")
    return words("percent.little") if value < 1 else words("percent.about", number=_whole(value))


def percent_error(findings: Findings, words: Words) -> str | None:
    """How far off the percentage of both lungs may be; None where that is not known.

    It was measured on images with infection: a clear positive is the one case it speaks of.
    """
    points = findings.percent_error_points
    is_clear = findings.decision is Decision.POSITIVE
    if points is None or findings.infected_percent is None or not is_clear:
        return None
    whole = max(1, _to_step(points, 1))
    return words("percent.off_by_one") if whole == 1 else words("percent.off_by", number=whole)


def lung_name(lung: LungMeasurement, words: Words) -> str:
    """Which lung, and what the figure with it is."""
    return words(f"lung.{lung.laterality}_{'infected' if lung.lung_pixels else 'missing'}")


def both_name(findings: Findings, words: Words) -> str:
    """What the figure of both lungs is."""
    return words(f"lung.both_{'unknown' if findings.infected_percent is None else 'infected'}")


def side_letter(side: Laterality, words: Words) -> str:
    return words(f"side.{side}")


def grade(lung: LungMeasurement, words: Words) -> tuple[str, ...]:
    """A lung's extent grade and what it means, two short lines; none where it has no grade."""
    if lung.extent_grade is None:
        return ()
    return words("grade.of", grade=lung.extent_grade), words(f"grade.g{lung.extent_grade}")


def area(lung: LungMeasurement, words: Words) -> str | None:
    """How much of how large a lung, in square centimetres; None without pixel spacing."""
    if lung.lung_area_mm2 is None or lung.infected_area_mm2 is None:
        return None
    infected, whole = (_cm2(mm2, words) for mm2 in (lung.infected_area_mm2, lung.lung_area_mm2))
    return words("area.of", infected=infected, lung=whole)


def ascii_text(text: str) -> str:
    """Text that reads the same in whichever character set the source came in.

    Without blanks at its end, which nobody keeps (PS3.5 6.2).
    """
    return text.encode("ascii", "replace").decode("ascii").rstrip()


def _share(value: float | None, of: str, words: Words) -> str:
    """The beginning of a sentence: so much of what."""
    if value is not None and value < 1:
        return words(f"percent.little_{of}")
    return words(f"percent.{of}", number="-" if value is None else _whole(value))


def _whole(value: float) -> int:
    return _to_step(value, 1 if value < 10 else _PERCENT_STEP)


def _cm2(mm2: float, words: Words) -> str:
    """Two digits: more would be noise."""
    cm2 = mm2 / _MM2_PER_CM2
    if 0 < cm2 < 1:
        return words("area.little")
    return str(_to_step(cm2, 1 if cm2 < 100 else 10))


def _to_step(value: float, step: int) -> int:
    """The nearest multiple of `step`, halves up."""
    return step * math.floor(value / step + 0.5)
