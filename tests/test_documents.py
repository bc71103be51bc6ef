"""The documents: what they link to is there, and the README stays one that is read."""

import ast
import re
import sys
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


def test_all_that_a_result_is_made_with_is_software_of_unknown_provenance() -> None:
    """And nothing else is in that list: each has its version and hash."""
    document = (ROOT / "deploy" / "INTENDED_USE.md").read_text("utf-8")
    table = document.partition("## Software of unknown provenance")[2].partition("\n## ")[0]
    listed = _spelt(" ".join(re.findall(r"^\| ([^|]+) \|", table, re.M)))
    made_with = {_PACKAGES.get(name, name) for name in _imported("inference", "sr_writer")}
    assert {name for name in made_with if _spelt(name) not in listed} == set()
    constraints = (ROOT / "constraints.txt").read_text("utf-8")
    pinned = {_spelt(name) for name in re.findall(r"^([\w.-]+)==", constraints, re.M)}
    assert {_spelt(name) for name in made_with} <= pinned


#: Those that are imported by another name than they are installed by.
_PACKAGES = {"PIL": "pillow", "skimage": "scikit-image", "rle": "pylibjpeg-rle"}
#: Of no result.
_ASIDE = {"training", "datasets", "evaluation"}


def _imported(*packages: str) -> set[str]:
    trees = (
        ast.parse(path.read_text("utf-8"))
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if not _ASIDE & set(path.parts)
    )
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {
        node.module
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }
    return {name.partition(".")[0] for name in names} - {*sys.stdlib_module_names, *packages}


def _spelt(name: str) -> str:
    return name.lower().replace("_", "-")


@pytest.mark.slow
def test_the_conformance_statement_is_what_the_code_says() -> None:
    """Mend it by `cxr-node conformance --out deploy/CONFORMANCE.md`."""
    written = (ROOT / "deploy" / "CONFORMANCE.md").read_text("utf-8")
    assert statement(parse({"node": {"state": ROOT}})) == written
