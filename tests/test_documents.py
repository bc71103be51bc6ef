"""The documents: what they link to is there, and the README stays one that is read."""

import re
from pathlib import Path

import pytest

from dicom_node.cli.statement import statement
from dicom_node.config import parse

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "deploy").glob("*.md"))]
_LINK = re.compile(r"\]\(([^)#\s]+)?(#[^)\s]+)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_links_to_is_there(document: Path) -> None:
    broken = []
    for path, anchor in _LINK.findall(document.read_text("utf-8")):
        target = document.parent / path if path else document
        if path.startswith(("http:", "https:")):
            continue
        if not target.exists() or (anchor and anchor[1:] not in _anchors(target)):
            broken.append(path + anchor)
    assert broken == []


def test_the_readme_is_short_enough_to_be_read() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 150
    assert len(text.split()) <= 1400


def _anchors(document: Path) -> set[str]:
    """Of its headings, as they are made of Markdown on the web."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.slow
def test_the_conformance_statement_is_what_the_code_says() -> None:
    """Mend it by `cxr-node conformance --out deploy/CONFORMANCE.md`."""
    written = (ROOT / "deploy" / "CONFORMANCE.md").read_text("utf-8")
    assert statement(parse({"node": {"state": ROOT}})) == written
