"""The page and the presentation state of a result, and the words on them."""

import re

from pydicom import Dataset

from inference.findings import Findings
from tests.sr_writer.examples import findings, write
from tests.sr_writer.reading import read


def document(found: Findings | None = None, dataset: Dataset | None = None) -> Dataset:
    return read(write(found or findings(), dataset, ("DOC",))["DOC"])


def page(found: Findings | None = None, dataset: Dataset | None = None) -> bytes:
    result = document(found, dataset)
    return bytes(result.EncapsulatedDocument[: result.EncapsulatedDocumentLength])


def lines(content: bytes) -> list[str]:
    """What the page says, in the order it is drawn; its words are not compressed."""
    written = re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", content)
    octal = [re.sub(rb"\\(\d{3})", lambda m: bytes([int(m[1], 8)]), line) for line in written]
    return [re.sub(rb"\\(.)", rb"\1", line).decode("latin-1") for line in octal]


def state(found: Findings | None = None, dataset: Dataset | None = None) -> Dataset:
    return read(write(found or findings(), dataset, ("PR",))["PR"])


def words(presentation: Dataset) -> list[str]:
    return [
        text.UnformattedTextValue
        for item in presentation.GraphicAnnotationSequence
        for text in item.get("TextObjectSequence", ())
    ]
