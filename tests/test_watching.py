"""Rules, dashboard and runbook: they name what is exported, and each alert has its way out."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dicom_node.alerts.conditions import Condition
from dicom_node.metrics.families import BY_SERIES, Family
from tests.conftest import ROOT, missing

RULES = ROOT / "deploy" / "prometheus" / "cxr-node.rules.yml"
RULES_TEST = RULES.with_name("cxr-node.rules.test.yml")
DASHBOARD = ROOT / "deploy" / "grafana" / "cxr-node.json"
OPERATING = (ROOT / "deploy" / "OPERATING.md").read_text("utf-8")
#: A name in a query, and in braces behind it its labels; `by (...)` and `on (...)` have labels too.
_NAME = re.compile(r"\bcxr_[a-z_]+")
_SELECTED = re.compile(r"\b(cxr_[a-z_]+)\{([^}]*)\}")
_LABEL = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)")
_GROUPED = re.compile(r"\b(?:by|on) \(([^)]*)\)")
#: What Prometheus puts on every series; `le` is of histograms.
_GIVEN = {"job", "instance", "le"}
#: What only Prometheus can see: the node, or its ledger, is not there to tell.
_ONLY_PROMETHEUS = {"CxrNodeDown", "CxrLedgerAway"}


def rules() -> dict[str, str]:
    """Each rule's text by the name of its alert. There is no reader of YAML among our needs."""
    parts = re.split(r"^ *- alert: (\w+)$", RULES.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Where each is, and it."""
    yield from rules().items()
    document = json.loads(DASHBOARD.read_text("utf-8"))
    for panel in document["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in document["templating"]["list"]:
        yield variable["name"], json.dumps(variable.get("query", ""))


QUERIES = list(queries())


@pytest.mark.parametrize(("where", "query"), QUERIES, ids=[where for where, _ in QUERIES])
def test_a_query_names_what_is_exported(where: str, query: str) -> None:
    del where
    assert {name for name in _NAME.findall(query) if name not in BY_SERIES} == set()
    for name, selected in _SELECTED.findall(query):
        assert set(_LABEL.findall(selected)) <= {*BY_SERIES[name].labels, *_GIVEN}
    labels = {label for name in _NAME.findall(query) for label in BY_SERIES[name].labels}
    grouped = {one.strip() for some in _GROUPED.findall(query) for one in some.split(",")}
    assert grouped - labels - _GIVEN <= {""}


def test_every_metric_is_in_the_dashboard() -> None:
    shown = {BY_SERIES[name] for panel in panels() for target in panel["targets"]
             for name in _NAME.findall(target["expr"])}  # fmt: skip
    assert {family.name for family in set(BY_SERIES.values()) - shown} == set()


def test_a_metric_is_named_as_they_all_are() -> None:
    for family in BY_SERIES.values():
        assert re.fullmatch(r"cxr(_[a-z]+)+", family.name)
        assert isinstance(family, Family)
        assert family.words.endswith(".")


def test_no_panel_lies_on_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_the_node_and_prometheus_know_the_same_alerts() -> None:
    assert set(rules()) == {condition.value for condition in Condition} | _ONLY_PROMETHEUS


def test_every_alert_is_tested_by_a_rule_test() -> None:
    tested = set(re.findall(r"alertname: (\w+)", RULES_TEST.read_text("utf-8")))
    assert tested == set(rules())


@pytest.mark.parametrize("alert", sorted(rules()))
def test_an_alert_has_its_paragraph(alert: str) -> None:
    """Symptom, check, action; and the rule leads there."""
    found = re.search(rf"^### {alert}\n+(.+?)(?=^##)", OPERATING, re.MULTILINE | re.DOTALL)
    assert found, f"OPERATING has no paragraph of {alert}"
    for part in ("*Symptom.*", "*Check.*", "*Action.*"):
        assert part in found[1]
    assert f"runbook: OPERATING.md#{alert.lower()}" in rules()[alert]


def promtool(*words: str) -> str:
    if shutil.which("promtool") is None:
        missing("promtool is not installed (Debian: prometheus)")
    run = subprocess.run(["promtool", *words], capture_output=True, text=True, cwd=RULES.parent)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_the_rules_fire_and_recover_as_they_should() -> None:
    promtool("check", "rules", RULES.name)
    assert "SUCCESS" in promtool("test", "rules", RULES_TEST.name)


def test_the_configuration_is_one_of_prometheus() -> None:
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml")


def test_prometheus_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    """As rules that record, since promtool of this version checks no query by itself."""
    exprs = [target["expr"] for panel in panels() for target in panel["targets"]]
    lines = [f"      - {{record: r{number}, expr: {json.dumps(expr.replace('$job', 'cxr-node'))}}}"
             for number, expr in enumerate(exprs)]  # fmt: skip
    file = tmp_path / "queries.yml"
    file.write_text("\n".join(["groups:", "  - name: queries", "    rules:", *lines, ""]))
    promtool("check", "rules", str(file))
