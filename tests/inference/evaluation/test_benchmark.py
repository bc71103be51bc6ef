"""Table 4 and the shipped models, through their commands."""

import json
from pathlib import Path

import pytest

from dicom_node.__main__ import main
from inference.evaluation import paper
from inference.networks import PAPER_NETWORKS


def test_the_paper_s_tables_name_exactly_our_networks() -> None:
    for table in (paper.LUNG, paper.INFECTION, paper.DETECTION, paper.COMPLEXITY):
        assert set(table) == set(PAPER_NETWORKS)


def test_table_4_stands_beside_the_paper(tmp_path: Path) -> None:
    file = tmp_path / "table.json"
    command = ["benchmark", "networks", "--network", "fpn-resnet18", "--repeats", "1",
               "--device", "cpu", "--json", str(file)]  # fmt: skip
    assert main(command) == 0
    (row,) = json.loads(file.read_text())["networks"]
    assert row["parameters"] / 1e6 == pytest.approx(row["paper"]["parameters"] / 1e6, abs=0.02)
    assert row["alone_ms"] > 0
    assert row["pair_ms"] > 0


def test_the_node_s_pair_gives_what_eager_gives(tmp_path: Path) -> None:
    file = tmp_path / "pair.json"
    command = ["benchmark", "networks", "--pair", "--against", "eager", "--repeats", "1",
               "--device", "cpu", "--json", str(file)]  # fmt: skip
    assert main(command) == 0
    measured = json.loads(file.read_text())
    assert measured["largest_difference"] < 0.01
    assert measured["speedup"] == pytest.approx(measured["eager_ms"] / measured["pair_ms"])
    assert {model["task"] for model in measured["models"]} == {"lung", "infection"}


def test_the_pair_needs_something_to_be_measured_against(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["benchmark", "networks", "--pair"]) == 2
    assert "--against" in capsys.readouterr().err


def test_the_shipped_models_are_listed_verified_with_their_terms(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["task"] for row in rows if row["default"]} == {"lung", "infection"}
    for row in rows:
        assert row["fault"] is None
        assert "Research use only" in row["licence"]
        assert row["figures"]
