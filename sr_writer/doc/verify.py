"""The gate's look at an encapsulated page: its words are written uncompressed, so that it can."""

import re
from collections.abc import Iterator

from pydicom import Dataset

from sr_writer.case import Case
from sr_writer.identity import RESEARCH_USE
from sr_writer.verify.figures import recounted
from sr_writer.verify.instance import source_faults
from sr_writer.wording import headline, percent

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
    figures = [percent(v) for v in (*shares, counted.infected_percent) if v is not None]
    for words in (headline(case.findings), RESEARCH_USE, *figures):
        if f"({words})".encode("latin-1") not in content:
            yield f"its page does not say {words}"
