"""Reports on what a reader has drawn."""

from dataclasses import replace

from inference.findings import Decision, Findings
from inference.pipeline import Pipeline
from sr_writer.identity import Issue, Reader, Reference
from sr_writer.kind import in_all_languages
from sr_writer.kinds import KINDS
from sr_writer.output import Output
from sr_writer.results import Results
from tests.sr_writer.examples import CREATED, EQUIPMENT, findings, header, pixels

DRAWN = Reference("1.2.5", "1.2.5.7", "1.2.840.10008.5.1.4.1.1.66.4", "1.2.5.7.1")
BEFORE = Reference("1.2.5", "1.2.5.9", "1.2.840.10008.5.1.4.1.1.88.34", "1.2.5.9.1")


def drawn(decision: Decision = Decision.POSITIVE) -> Findings:
    """By a person: nobody's network, and no certainty."""
    return replace(findings(decision), pipeline=Pipeline(()), certainty=None)


def read(
    *roles: str, author: str = "Rontgen^Anna", found: Findings | None = None
) -> dict[str, Output]:
    found = found or drawn()
    issue = Issue(0, (BEFORE,), reader=Reader(author, DRAWN))
    kinds = in_all_languages(KINDS)
    results = Results(header(), found, pixels(found), EQUIPMENT, CREATED, issue, kinds)
    return {output.role: output for output in results.write(roles)}
