"""`cxr-node acceptance`: a report of the silent weeks, for whoever decides what may be sent."""

import argparse
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicom_node.cli.terminal.options import Commands, add_node, node_config, parse_time
from dicom_node.errors import UsageError

if TYPE_CHECKING:
    from dicom_node.cli.trial.figures import Agreement, Figures
    from dicom_node.cli.trial.page import About
    from dicom_node.config import Config

#: What is told of where nobody says since when.
USUAL = timedelta(days=28)

DESCRIPTION = """\
Write a report of some weeks, mostly of those in which the node was silent ([node] silent): how
many images came, what was decided, by device and by day, what is undetermined, skipped or failed
and why, how long it took. With --against it compares the decisions with what the site's readers
said: a CSV file with the columns accession_number and infected (yes or no; empty: left out).

In the report is nothing of a patient: no name, no identifier, no accession number, no UID. Purged
images are not in it: make it before [retention] removes them.
"""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "acceptance",
        help="a report of the silent weeks: what was decided, by device, beside your readers",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
    )
    add_node(parser)
    parser.add_argument(
        "--since", type=parse_time, metavar="TIME", default=None,
        help="received since: 2026-11-01 (UTC), or 28d ago (default)",
    )  # fmt: skip
    parser.add_argument(
        "--until", type=parse_time, metavar="TIME", default=None, help="and before (default: now)"
    )
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="what readers said: CSV, see above"
    )
    out = parser.add_mutually_exclusive_group()
    out.add_argument(
        "--out", type=Path, metavar="FILE", default=Path("acceptance.html"),
        help="HTML, for a browser or a printer (default ./acceptance.html)",
    )  # fmt: skip
    out.add_argument("--json", action="store_true", help="the figures on standard output instead")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Write it; 0, or 1 where nothing came in that time."""
    from dicom_node.cli.trial.figures import figures_of
    from dicom_node.cli.trial.page import page
    from dicom_node.cli.trial.reports import read_reports
    from dicom_node.ops.status import open_existing

    config = node_config(arguments)
    reports = read_reports(arguments.against) if arguments.against else None
    with closing(open_existing(config)) as ledger:
        until = arguments.until or ledger.now()
        since = arguments.since or until - USUAL
        if since >= until:
            raise UsageError("--since is not before --until")
        figures = figures_of(ledger.trial.cases(since, until), since, until, reports)
    if arguments.json:
        print(json.dumps(_document(figures), default=str, indent=2))
    else:
        arguments.out.write_text(page(figures, _about(config)), "utf-8")
        print(f"{arguments.out}: {_in_a_line(figures)}")
    return 0 if figures.all.received else 1


def _in_a_line(figures: "Figures") -> str:
    decisions = ", ".join(f"{count} {name}" for name, count in figures.all.decisions.items())
    return f"{figures.all.received} radiographs, {figures.all.analysed} analysed: {decisions}"


def _about(config: "Config") -> "About":
    from importlib.metadata import version

    from dicom_node.cli.trial.page import About

    return About(
        f"{config.node.aet}", f"cxr-node {version('cxr-node')}", _pipeline(config),
        [to.name for to in config.destinations if to.silent],
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    )  # fmt: skip


def _pipeline(config: "Config") -> Mapping[str, str]:
    """As it is configured now."""
    from dicom_node.cli.node.opening import pipeline_of
    from inference.weights import DEFAULT_NETWORK

    models = config.leading
    networks = [getattr(models, task.value) or name for task, name in DEFAULT_NETWORK.items()]
    point = f"negative below {models.negative_below:g}, positive from {models.positive_above:g} on"
    return {
        "networks": ", ".join(networks),
        "operating point": point,
        "pipeline": pipeline_of(config)[:12],
    }


def _document(figures: "Figures") -> dict[str, Any]:
    """Shares with their intervals as well, which are properties."""
    said = asdict(figures)
    said["days"] = {f"{day}": group for day, group in said["days"].items()}
    said["agreement"] = _agreement(figures.agreement) if figures.agreement else None
    said["by_device"] = {name: _agreement(found) for name, found in figures.by_device.items()}
    return said


def _agreement(found: "Agreement") -> dict[str, Any]:
    shares = {"sensitivity": found.sensitivity, "specificity": found.specificity}
    return asdict(found) | shares
