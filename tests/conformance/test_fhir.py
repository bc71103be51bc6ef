"""Transactions of FHIR R4 against the standard's own JSON schema, which sees what is wrong."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dicom_node.handover.bundle import transaction_of
from dicom_node.handover.news import Standing, news_of_report
from inference.findings import Decision
from tests.conformance.validators import program
from tests.conftest import missing
from tests.dicom_node.handover.reports import news, notice, report
from tests.sr_writer.examples import bare_header, faint, findings

pytestmark = pytest.mark.slow

VIEWERS = Path(__file__).parent / "viewers"
SCHEMA = VIEWERS / "node_modules" / "@asymmetrik" / "fhir-json-schema-validator"


def faults(folder: Path, *contents: bytes) -> list[list[dict[str, Any]]]:
    if not SCHEMA.is_dir():
        missing("the validators are not installed: make viewers")
    files = [folder / f"{number}.json" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    command = [program("node"), "fhir_schema.mjs", *map(str, files)]
    done = subprocess.run(command, cwd=VIEWERS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[list[dict[str, Any]]] = json.loads(done.stdout)
    return found


def test_every_transaction_is_what_the_schema_asks_for(tmp_path: Path) -> None:
    told = [news(findings(decision)) for decision in
            (Decision.POSITIVE, Decision.NEGATIVE, Decision.UNDETERMINED)]  # fmt: skip
    told += [news(faint()), news_of_report(notice().content)]
    told += [news_of_report(report(dataset=bare_header()).content)]
    told += [replace(told[0], standing=standing, why="why") for standing in Standing]
    found = faults(tmp_path, *map(transaction_of, told))
    assert found == [[]] * len(told)


def test_the_schema_sees_what_is_wrong(tmp_path: Path) -> None:
    right = json.loads(transaction_of(news()))
    wrong = json.loads(transaction_of(news()))
    wrong["entry"][0]["resource"]["status"] = "verified"
    found = faults(tmp_path, json.dumps(right).encode(), json.dumps(wrong).encode())
    assert found[0] == []
    assert found[1] != []
