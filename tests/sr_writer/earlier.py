"""Results that tell of a patient's earlier radiographs."""

from collections.abc import Callable
from dataclasses import replace

from inference.findings import Findings
from sr_writer.identity import Issue
from sr_writer.kind import in_all_languages
from sr_writer.kinds import KINDS
from sr_writer.output import Output
from sr_writer.painting import Painting, paint
from sr_writer.progression import Omission, Omitted, Prior, Progression, Reference
from sr_writer.results import Results
from tests.sr_writer.examples import CREATED, EQUIPMENT, findings, header, pixels

_DX = "1.2.840.10008.5.1.4.1.1.1.1"
_SR = "1.2.840.10008.5.1.4.1.1.88.34"


def image(number: int) -> Reference:
    return Reference(f"1.2.{number}", f"1.2.{number}.1", _DX, f"1.2.{number}.1.1")


def report(number: int, language: int = 0) -> Reference:
    return Reference(f"1.2.{number}", f"1.2.{number}.9", _SR, f"1.2.{number}.9.{language}")


IN_TWO_LANGUAGES = {"SR": report(1), "SR@de": report(1, 1)}
TWO = Progression(
    "2026-11-12T09:30:00",
    (
        Prior(
            "2026-11-02T08:00:00",
            image(1),
            IN_TWO_LANGUAGES,
            12.5,
            40.25,
            25.0,
        ),
        # Of one lung alone.
        Prior("2026-11-10", image(2), {"SR": report(2)}, 0.004, None, 0.004),
    ),
    (
        Omitted("2026-05-01", "1.2.7", "1.2.7.1", Omission.TOO_OLD),
        Omitted("2026-10-31", "1.2.8", "1.2.8.1", Omission.OTHER_PATIENT),
        Omitted("2026-11-01T10:00:00", "1.2.9", "1.2.9.1", Omission.OTHER_PATIENT),
    ),
)
ALL_OMITTED = Progression("2026-11-12", (), TWO.omitted)


def outlined(prior: Prior) -> Painting:
    """Of a larger radiograph, as a hospital has them; of each day another one."""
    found = findings(shape=(1500, 1200), spacing_mm=None)
    return paint(pixels(found) * (1 - int(prior.taken[8:10]) / 100), found)


def without_outlines(prior: Prior) -> Painting:
    return replace(outlined(prior), sides=None)


def of_days(count: int) -> Progression:
    """So many priors, a day apart."""
    priors = [replace(TWO.priors[0], taken=f"2026-11-{day:02d}", image=image(day))
              for day in range(1, count + 1)]  # fmt: skip
    return replace(TWO, priors=tuple(priors))


def written(
    told: Progression,
    *roles: str,
    found: Findings | None = None,
    earlier: Callable[[Prior], Painting | None] = lambda _: None,
) -> dict[str, Output]:
    found = found or findings()
    kinds = in_all_languages(KINDS)
    issue = Issue(progression=told)
    results = Results(header(), found, pixels(found), EQUIPMENT, CREATED, issue, kinds, earlier)
    return {output.role: output for output in results.write(roles)}
