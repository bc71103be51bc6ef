"""`cxr-node differences`: what the pipeline that is tried in the shadow says otherwise."""

import argparse
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dicom_node.cli.terminal.options import Commands, add_node, node_config

if TYPE_CHECKING:
    from dicom_node.ledger import Compared, Tried
    from dicom_node.ops.asked.differences import Differences, Preferred

DESCRIPTION = """\
Compare the pipeline whose results are sent with the one that is tried beside it ([shadow]), on the
images of the last [shadow] days that both have analysed: how often each decision of one meets each
of the other, by how much the infected percentages differ (bias and limits of agreement, Bland and
Altman 1986), and which images differ most. Without [shadow] there is nothing to compare: exit code
2. To switch: [shadow] leads = true, and start the node again; false is the way back.
"""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "differences",
        help="what the pipeline tried in the shadow says otherwise",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
    )
    add_node(parser)
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Raises UsageError where nothing is tried."""
    from dicom_node.cli.node.opening import pipeline_of, shadow_pipeline_of
    from dicom_node.errors import UsageError
    from dicom_node.ops.asked.differences import differences, preferred
    from dicom_node.ops.status import open_existing

    config = node_config(arguments)
    pair = pipeline_of(config), shadow_pipeline_of(config)
    if not pair[1]:
        raise UsageError("nothing is tried: [shadow] names no pipeline that differs from [models]")
    with closing(open_existing(config)) as ledger:
        since = ledger.now() - timedelta(days=config.shadow.days)
        compared = ledger.shadows.compared(*pair, since)
        found = differences(compared)
        readers = preferred(compared, ledger.assessments.since_by_job(since), pair)
        tried = ledger.shadows.tried(*pair, since)
    if arguments.json:
        print(json.dumps(_document(found, tried, readers, pair), default=str, indent=2))
    else:
        print("\n".join(_lines(found, tried, readers, pair)))
    return 0


def _lines(
    found: "Differences", tried: "Tried", readers: "Preferred", pair: tuple[str, str]
) -> Iterator[str]:
    from dicom_node.ops.asked.differences import DECISIONS, name_of

    yield f"sent {pair[0][:12]}, tried {pair[1][:12]}"
    failed = f", {tried.failed} could not be tried" if tried.failed else ""
    yield f"{found.images} images by both, {tried.waiting} to be tried{failed}"
    if not found.images:
        return
    yield f"same decision: {found.same} ({100 * found.same / found.images:.1f} %)"
    yield "  sent \\ tried" + "".join(f"{name_of(one):>14}" for one in DECISIONS)
    for sent in DECISIONS:
        counts = "".join(f"{found.decisions[sent, one]:>14}" for one in DECISIONS)
        yield f"  {name_of(sent):<12}{counts}"
    yield (
        f"where they decide differently, readers say that what is sent is right {readers.sent}"
        f" times, what is tried {readers.tried}, neither {readers.neither}"
    )
    if found.agreement is not None:
        own = found.agreement
        yield (
            f"infected percentage of both lungs, {len(own.points)} images, tried minus sent:"
            f" {own.bias:+.1f} points, 95 % between {own.lower:+.1f} and {own.upper:+.1f}"
        )
    for one in found.most:
        yield f"  job {one.job_id}: {_said(one)}"


def _said(one: "Compared") -> str:
    from dicom_node.ops.asked.differences import name_of

    pair = []
    for said in (one.leading, one.shadow):
        percent = "" if said.percent_both is None else f" {said.percent_both:.1f} %"
        pair.append(f"{name_of(said.decision)}{percent}")
    return f"sent {pair[0]}, tried {pair[1]}"


def _document(
    found: "Differences", tried: "Tried", readers: "Preferred", pair: tuple[str, str]
) -> dict[str, Any]:
    said = asdict(found)
    said["decisions"] = [
        {"sent": sent, "tried": other, "images": count}
        for (sent, other), count in found.decisions.items()
    ]
    return {"sent": pair[0], "tried": pair[1], **asdict(tried), **said, "readers": asdict(readers)}
