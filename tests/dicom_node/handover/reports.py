"""Reports and rejection notes as the worker writes them, and jobs that are to be handed over."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydicom import Dataset

from dicom_node.config import AnyDestination
from dicom_node.handover.news import News, news_of_report
from dicom_node.intake.rejection import QUALITY
from dicom_node.ledger import REJECTION_NOTE, Route
from dicom_node.worker.spooling import spool_output
from inference.findings import Decision, Findings
from sr_writer.identity import Issue, Reference, identity_of
from sr_writer.kinds import KINDS, SR
from sr_writer.ko.rejection_note import write_rejection_note
from sr_writer.output import Output
from sr_writer.results import Results
from sr_writer.sr.notice import write_notice
from tests.dicom_node.delivery.bench import Bench
from tests.sr_writer.examples import CREATED, EQUIPMENT, SOURCE_UID, findings, header, pixels


def report(
    found: Findings | None = None, dataset: Dataset | None = None, issue: Issue | None = None
) -> Output:
    found = found or findings()
    written = Results(
        dataset or header(), found, pixels(found), EQUIPMENT, CREATED, issue or Issue()
    )
    (output,) = written.write([SR.role])
    return output


def later(first: Output, found: Findings | None = None, dataset: Dataset | None = None) -> Output:
    """Another issue in its place."""
    return report(found, dataset, Issue(1, (reference(first),)))


def notice() -> Output:
    why = "The pixels cannot be read."
    pipeline = findings().pipeline
    return write_notice(header(), SOURCE_UID, Decision.FAILED, why, pipeline, EQUIPMENT, CREATED)


def reference(output: Output) -> Reference:
    return Reference(
        output.study_instance_uid,
        output.series_instance_uid,
        output.sop_class_uid,
        output.sop_instance_uid,
    )


def note(*rejected: Output, dataset: Dataset | None = None) -> Output:
    """It takes these back; `dataset`: of the patient whom the image has now."""
    identity = replace(identity_of(findings(), EQUIPMENT, CREATED), withdraws=("ris",))
    said = "The image that these results were made from was rejected."
    references = [reference(one) for one in rejected]
    written = write_rejection_note(dataset or header(), references, QUALITY, said, identity, KINDS)
    return replace(written, role=REJECTION_NOTE)


def news(found: Findings | None = None, **attributes: Any) -> News:
    return news_of_report(report(found, header(**attributes)).content)


def issuer(**values: str) -> list[Dataset]:
    """The value of a sequence of issuers."""
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return [item]


def waiting(bench: Bench, outputs: Sequence[Output], *destinations: AnyDestination) -> int:
    """A job with just these, on their way; its id."""
    job_id = bench.accept(outputs[0].study_instance_uid)
    assert bench.ledger.jobs.claim(job_id, "pipeline", "worker", 60)
    built = [spool_output(bench.spool, each) for each in outputs]
    roles = [each.role for each in outputs]
    routes = [Route(to.name, roles) for to in destinations]
    bench.ledger.handover.built(job_id, "worker", built, routes)
    return job_id
