"""Our content trees follow the templates of PS3.16: by their tables, and by PixelMed's validator.

The tables are stricter: Debian's PixelMed (2022) lets a missing language, procedure or tracking UID
pass. It knows what a relationship, a multiplicity and a value set must be.
"""

import os
import re
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.sr.coding import Code

from inference.findings import Decision, Findings, Laterality
from sr_writer import codes
from sr_writer.kinds import SR2D
from sr_writer.progression import Progression
from sr_writer.results import Output
from tests.conformance.cases import HEADERS, notice
from tests.conformance.templates import template_faults
from tests.conformance.validators import program
from tests.sr_writer import earlier, read_by_a_person
from tests.sr_writer.examples import all_results, faint, findings, write
from tests.sr_writer.reading import child, children, everything, is_named, read

Change = Callable[[Dataset], None]

FOUND = {
    "positive": findings(),
    "faint": faint(),
    "negative": findings(Decision.NEGATIVE),
    "undetermined": findings(Decision.UNDETERMINED),
    "one lung": findings(lungs=(Laterality.LEFT,)),
    "without spacing": findings(spacing_mm=None),
}
#: Its compiled rules have more operators than Java lets pass by default.
JAVA = "-XX:TieredStopAtLevel=1 " + " ".join(
    f"-Djdk.xml.xpath{of}Limit=0" for of in ("TotalOp", "ExprOp", "ExprGrp")
)
#: What TID 1500 of 2022 has no row for: items that came later, and the extensions that are ours.
BEYOND_2022 = {
    "Finding category",
    "Algorithm Manufacturer",
    "COVID-19",
    "Conclusion",
    "Comment",
    "Previous Findings",
    "Change since prior",
    "Time Point",
}
#: Below an extension of ours all is beyond it.
BELOW_OURS = '(18834-2,LN,"Previous Findings")'


@pytest.mark.parametrize("kind", HEADERS)
@pytest.mark.parametrize("found", FOUND.values(), ids=FOUND)
def test_a_result_follows_its_templates(found: Findings, kind: str) -> None:
    roles = ("SR", "SR2D", "KO")
    for output in write(found, HEADERS[kind], roles).values():
        assert template_faults(read(output)) == []


@pytest.mark.parametrize("told", [earlier.TWO, earlier.ALL_OMITTED])
def test_a_report_of_earlier_radiographs_follows_its_templates(told: Progression) -> None:
    for output in earlier.written(told, "SR", "SR2D").values():
        assert template_faults(read(output)) == []


@pytest.mark.parametrize("decision", [Decision.POSITIVE, Decision.NEGATIVE])
def test_a_report_of_a_reader_follows_its_templates(decision: Decision) -> None:
    found = read_by_a_person.drawn(decision)
    for output in read_by_a_person.read("SR", "SR2D", found=found).values():
        assert template_faults(read(output), by_hand=True) == []


@pytest.mark.parametrize("decision", [Decision.NOT_ANALYSED, Decision.FAILED])
def test_a_notice_follows_its_template(decision: Decision) -> None:
    assert template_faults(read(notice(decision))) == []


def group(dataset: Dataset) -> Dataset:
    return children(child(dataset, codes.IMAGING_MEASUREMENTS), codes.MEASUREMENT_GROUP)[1]


def without(parent: Dataset, name: Code) -> None:
    parent.ContentSequence = [i for i in parent.ContentSequence if not is_named(i, name)]


def leave_the_region_out(dataset: Dataset) -> None:
    parent = group(dataset)
    parent.ContentSequence = [i for i in parent.ContentSequence if i.ValueType != "SCOORD"]


def say_the_evaluations_first(dataset: Dataset) -> None:
    items = list(dataset.ContentSequence)
    dataset.ContentSequence = [items[-1], *items[:-1]]


def hang_the_finding_otherwise(dataset: Dataset) -> None:
    child(group(dataset), codes.FINDING).RelationshipType = "HAS CONCEPT MOD"


def track_by_code(dataset: Dataset) -> None:
    child(group(dataset), codes.TRACKING_IDENTIFIER).ValueType = "CODE"


def leave_a_unit_out(dataset: Dataset) -> None:
    number = child(group(dataset), codes.INFECTED_PERCENT)
    del number.MeasuredValueSequence[0].MeasurementUnitsCodeSequence


def measure_twice(dataset: Dataset) -> None:
    twice = child(dataset, codes.IMAGING_MEASUREMENTS)
    dataset.ContentSequence = [*dataset.ContentSequence, twice]


def add_what_nobody_knows(dataset: Dataset) -> None:
    item = child(dataset, codes.COMMENT)
    item.ConceptNameCodeSequence[0].CodeValue = "121065"


def name_another_template(dataset: Dataset) -> None:
    group(dataset).ContentTemplateSequence[0].TemplateIdentifier = "1411"


def forget_the_meaning(dataset: Dataset) -> None:
    first = next(item for item in everything(dataset) if item.ValueType == "CODE")
    del first.ConceptCodeSequence[0].CodeMeaning


BROKEN = [
    (lambda d: without(d, codes.PROCEDURE_REPORTED), "CODE 121058 DCM: it is there 0 times"),
    (lambda d: without(d, codes.DEVICE_OBSERVER_UID), "UIDREF 121012 DCM: it is there 0 times"),
    (lambda d: without(d, codes.QUALITATIVE_EVALUATIONS), "C0034375 UMLS: it is there 0 times"),
    (lambda d: without(group(d), codes.TRACKING_UID), "UIDREF 112040 DCM: it is there 0 times"),
    (lambda d: without(group(d), codes.ALGORITHM_VERSION), "TEXT 111003 DCM: it is there 0"),
    (leave_the_region_out, "SCOORD 111030 DCM: it is there 0 times"),
    (say_the_evaluations_first, "it stands after what comes later"),
    (hang_the_finding_otherwise, "its relationship is HAS CONCEPT MOD"),
    (track_by_code, "CODE 112039 DCM: no row of the template is this"),
    (leave_a_unit_out, "its value is not complete"),
    (measure_twice, "CONTAINER 126010 DCM: it is there 2 times"),
    (add_what_nobody_knows, "TEXT 121065 DCM: no row of the template is this"),
    (name_another_template, "it names the template ['1411']"),
    (forget_the_meaning, "its value is not complete"),
]


@pytest.mark.parametrize(("change", "fault"), BROKEN)
def test_a_broken_tree_would_be_found(change: Change, fault: str) -> None:
    document = dcmread(BytesIO(all_results()["SR"].content))
    assert template_faults(document) == []
    change(document)
    assert any(fault in found for found in template_faults(document))


def pixelmed(file: Path) -> list[str]:
    """What PixelMed has against an SR document, once it has found its template."""
    done = subprocess.run(
        [program("DicomSRValidator"), "-checkcontentitemorder", "-checktemplateid", str(file)],
        env=os.environ | {"JAVA_TOOL_OPTIONS": JAVA},
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout + done.stderr
    assert "Root Template Validation Complete" in said
    assert "IOD validation complete" in said
    return [line for line in said.splitlines() if line.startswith(("Error", "Warning"))]


def is_expected(fault: str) -> bool:
    """What the validator is behind in, or stricter than the standard about."""
    # A baseline context group binds nobody, and it has no chest radiograph.
    if fault.endswith("not found in context group 100"):
        return True
    if f"{BELOW_OURS}/" in fault and fault.endswith("Content Item not in template"):
        return True
    beyond = re.search(r'"([^"]*)"\): Content Item not in template$', fault)
    return beyond is not None and beyond[1] in BEYOND_2022


#: Few: each costs a Java that compiles six megabytes of rules.
PIXELMED = {
    "result": lambda: all_results()["SR"],
    "notice as Comprehensive SR": lambda: notice(Decision.FAILED, SR2D),
    "key objects": lambda: all_results()["KO"],
    "of a reader": lambda: read_by_a_person.read("SR")["SR"],
    "of earlier radiographs": lambda: earlier.written(earlier.TWO, "SR")["SR"],
}


@pytest.mark.parametrize("output", PIXELMED.values(), ids=PIXELMED)
def test_pixelmed_finds_no_error(output: Callable[[], Output], tmp_path: Path) -> None:
    (tmp_path / "document.dcm").write_bytes(output().content)
    assert [f for f in pixelmed(tmp_path / "document.dcm") if not is_expected(f)] == []


def test_pixelmed_would_find_a_broken_tree(tmp_path: Path) -> None:
    document = dcmread(BytesIO(all_results()["SR"].content))
    hang_the_finding_otherwise(document)
    measure_twice(document)
    document.save_as(tmp_path / "broken.dcm")
    said = " ".join(pixelmed(tmp_path / "broken.dcm"))
    assert "Incorrect relationship" in said
    assert "Incorrect content item value multiplicity" in said
