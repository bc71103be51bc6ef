"""The gate's look at an encapsulated page: its words are written uncompressed, so that it can."""

import re
from collections.abc import Iterator

from pydicom import Dataset

from sr_writer.case import Case
from sr_writer.doc.course import printed as course_of
from sr_writer.doc.printed import printed_in
from sr_writer.verify.figures import recounted
from sr_writer.verify.instance import source_faults
from sr_writer.wording import headline, percent, research_use

_PAGE = re.compile(rb"/Type /Page\b")


def faults(dataset: Dataset, case: Case) -> Iterator[str]:
    """One whole page of PDF, with the decision, the notice and the figures the SEG's pixels say."""
    content = dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength]
    if dataset.MIMETypeOfEncapsulatedDocument != "application/pdf":
        yield f"it is {dataset.MIMETypeOfEncapsulatedDocument}"
    if not (content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")):
        yield "its PDF is not whole"
    if len(_PAGE.findall(content)) != 1:
        yield "its PDF has not one page"
    if dataset.BurnedInAnnotation != "YES":
        yield "it does not say that text is burned in"
    yield from source_faults(dataset.SourceInstanceSequence, case.source)
    counted = recounted(case.findings)
    shares = [lung.infected_percent for lung in (counted.left, counted.right)]
    words = case.words
    figures = [percent(v, words) for v in (*shares, counted.infected_percent) if v is not None]
    told = case.identity.progression
    course = course_of(counted, told, words) if told else []
    printed = printed_in(content)
    for said in (headline(case.findings, words), research_use(words), *figures, *course):
        if said not in printed:
            yield f"its page does not say {said}"
