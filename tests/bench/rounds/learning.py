"""`python -m tests.bench.rounds COVID-QU-Ex --out FOLDER`: learning with readers, round by round.

The paper's collaborative human-machine approach (section 2.2), with all the real parts: a network
is trained on a few images (stage I); a node with it analyses the next subset, a reader accepts,
corrects or excludes each result, what counts is exported, the network is trained on from where it
was, and the node gets the new one (stage II). Of the patients a fifth is kept by the export, to
compare old and new by (stage IV). The reader is simulated by the masks of Train, without noise
(`reader`).

Prints a row a round; FOLDER, which must not be there yet, gets rounds.json and rounds.png.
"""

import argparse
import json
import random
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dicom_node.config import load
from dicom_node.demo.node import RunningNode, free_port
from dicom_node.demo.pacs import Pacs
from dicom_node.ledger import Ledger
from inference.datasets.cases import read_cases
from inference.findings import Task
from tests.bench.rounds.reader import (
    Example,
    Round,
    SimulatedReader,
    example_of_case,
    save_pairs,
)

#: Drawn before there was a network, and how large each subset after it is.
FIRST, SUBSETS = 60, (60, 120, 240, 480)
_BEGAN = time.monotonic()


@dataclass(frozen=True)
class Plan:
    """What is done, at what size."""

    out: Path
    task: Task = Task.LUNG
    networks: dict[Task, str] = field(
        default_factory=lambda: {Task.LUNG: "unet-resnet18", Task.INFECTION: "fpn-resnet18"}
    )
    init: dict[Task, str] = field(default_factory=dict)  #: of stage I, as `train --init`
    minutes: float = 3.0
    other_minutes: float = 1.0  #: of the network that is not learnt, once
    size: int = 96
    options: tuple[str, ...] = ()  #: of every training
    bar: float = 0.95
    excluding: float = 0.02
    control: bool = True
    #: Evaluated after every round: --data, --split and --limit.
    fixed: tuple[str, ...] = ()
    seed: int = 0

    @property
    def pairs(self) -> Path:
        """What is learnt from: what was drawn at first, and what the node exports."""
        return self.out / "pairs"


def main() -> None:
    arguments = _arguments()
    cases = read_cases(arguments.data / "Train")
    random.Random(arguments.seed).shuffle(cases)
    wanted = arguments.first + sum(arguments.subsets)
    examples = [example_of_case(case, number) for number, case in enumerate(cases[:wanted])]
    plan = Plan(
        arguments.out,
        Task(arguments.task),
        {Task.LUNG: arguments.lung, Task.INFECTION: arguments.infection},
        init=dict.fromkeys(Task, arguments.init),
        minutes=arguments.minutes,
        size=arguments.size,
        options=tuple(shlex.split(arguments.train)),
        bar=arguments.bar,
        control=not arguments.no_control,
        fixed=("--data", str(arguments.data), "--split", "Val", "--limit", str(arguments.limit)),
        seed=arguments.seed,
    )
    learn(plan, examples, arguments.first, arguments.subsets)


def learn(
    plan: Plan, examples: Sequence[Example], first: int, subsets: Sequence[int]
) -> list[dict[str, Any]]:
    """All stages; a row of figures for stage I and each round after it."""
    plan.out.mkdir(parents=True)
    save_pairs(examples[:first], plan.pairs / "Train" / "first")
    weights = {
        task: _train(plan, task, "stage-1", plan.init.get(task, ""),
                     plan.minutes if task is plan.task else plan.other_minutes)
        for task in Task
    }  # fmt: skip
    stage_1 = dict(weights)
    rows = [_counted(plan, first, first) | _evaluated(plan, weights, None, "stage-1")]
    _tell(plan, rows)
    reader = SimulatedReader(plan.task, plan.bar, plan.excluding, random.Random(plan.seed))
    start = first
    for number, count in enumerate(subsets, start=1):
        began = time.monotonic()
        name = f"round-{number}"
        done = _read(plan, reader, weights, examples[start : start + count])
        read_s = time.monotonic() - began
        start += count
        old = dict(weights)
        weights[plan.task] = _train(plan, plan.task, name, str(old[plan.task]), plan.minutes)
        rows.append(
            _counted(plan, start, rows[-1]["drawn"] + done.corrected)
            | {"round": _fields(done), "read_s": round(read_s, 1)}
            | _evaluated(plan, old, weights, name)
        )
        _tell(plan, rows)
    _draw(plan, rows)
    if plan.control:
        _control(plan, stage_1, weights, plan.minutes * len(subsets))
    return rows


def _control(plan: Plan, stage_1: dict[Task, Path], last: dict[Task, Path], minutes: float) -> None:
    """As long as all rounds, from the first images alone: is it the images, or the time?"""
    first = plan.pairs / "Train" / "first"
    alone = _train(plan, plan.task, "control", str(stage_1[plan.task]), minutes, first)
    found = _evaluated(plan, last, stage_1 | {plan.task: alone}, "control")
    (row,) = [one for one in found["fixed"] if one["name"] == f"{plan.task.value} DSC, %"]
    rounds, control = row["pairs"]
    print(f"\nas long, from the first images alone: {control['value']:.2f}, which is"
          f" {control['gain']:+.2f} ± {control['interval'] or 0:.2f} of the rounds'"
          f" {rounds['value']:.2f}", flush=True)  # fmt: skip
    file = plan.out / "rounds.json"
    document = json.loads(file.read_text("utf-8")) | {"control": found, "minutes": _minutes()}
    file.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def _counted(plan: Plan, seen: int, drawn: int) -> dict[str, Any]:
    """Radiographs so far: that the reader has seen, drawn on, and the network learns from."""
    learnt = len(list((plan.pairs / "Train").rglob("radiograph.dcm")))
    return {"seen": seen, "drawn": drawn, "images": learnt}


def _read(
    plan: Plan, reader: SimulatedReader, weights: dict[Task, Path], subset: Sequence[Example]
) -> Round:
    """A node with these networks, a reader before its results, and what is exported of both."""
    config, listen = plan.out / "node.toml", f"127.0.0.1:{free_port()}"
    with Pacs(plan.out / "archive") as pacs:
        config.write_text(
            f"""
            [node]
            state = "state"
            [models]
            lung = "{weights[Task.LUNG].resolve()}"
            infection = "{weights[Task.INFECTION].resolve()}"
            [monitor]
            listen = "{listen}"
            [corrections]
            accept = true
            [[destination]]
            name = "archive"
            aet = "{pacs.aet}"
            host = "127.0.0.1"
            port = {pacs.port}
            outputs = ["SEG"]
            """,
            "utf-8",
        )
        state, port = plan.out / "state", free_port()
        with (
            RunningNode(state, config_file=config, port=port, monitor=listen) as node,
            closing(Ledger.open(load(config).ledger_url)) as ledger,
        ):
            done = reader.read(subset, config, node.port, pacs, ledger)
    said = _cxr_node("corrections", "export", str(plan.pairs), "--accepted", "--config",
                     str(config))  # fmt: skip
    print(said.strip().splitlines()[-1], flush=True)
    return done


def _train(
    plan: Plan, task: Task, name: str, init: str, minutes: float, data: Path | None = None
) -> Path:
    """From `init` on all that there is, or on `data`; the new weights."""
    network, folder = plan.networks[task], plan.out / name
    _cxr_node(
        "train", task.value, "--data", str(data or plan.pairs), "--network", network,
        "--out", str(folder), "--size", str(plan.size), "--minutes", str(minutes),
        "--seed", str(plan.seed),
        *(("--init", init) if init else ()), *plan.options,
    )  # fmt: skip
    return folder / f"{task.value}-{network}" / "weights.safetensors"


def _evaluated(
    plan: Plan, old: dict[Task, Path], new: dict[Task, Path] | None, name: str
) -> dict[str, Any]:
    """By the fixed set, and by what the export has kept; without a new one, the old alone."""
    beside = ("--beside", str(new[plan.task])) if new else ()
    networks = [part for task in Task for part in (f"--{task.value}", str(old[task]))]
    found: dict[str, Any] = {}
    kept = ("--data", str(plan.pairs), "--split", "Val")
    for which, data in (("fixed", plan.fixed), ("kept", kept)):
        if which == "kept" and not (plan.pairs / "Val").is_dir():
            continue
        file = plan.out / name / f"{which}.json"
        _cxr_node("evaluate", *data, *networks, *beside, "--json", str(file))
        summary = json.loads(file.read_text("utf-8"))
        found[which] = summary.get("beside") or _alone(summary, plan.task)
    return found


def _alone(summary: dict[str, Any], task: Task) -> list[dict[str, Any]]:
    """As `--beside` has it, of one pair of networks."""
    names = {"dsc": f"{task.value} DSC, %", "iou": f"{task.value} IoU, %"}
    return [
        {
            "name": name,
            "images": summary["images"],
            "pairs": [{"value": 100 * summary[task.value][key]["mean_over_images"]}],
        }
        for key, name in names.items()
    ]


def _cxr_node(*arguments: str) -> str:
    """What it prints; whatever it says besides is seen where it fails."""
    command = [sys.executable, "-m", "dicom_node", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def _fields(done: Round) -> dict[str, Any]:
    return {
        "images": done.images,
        "accepted": done.accepted,
        "corrected": done.corrected,
        "excluded": done.excluded,
        "unusable": done.unusable,
        "saved": round(done.saved, 4),
        "mean_dice_before_reading": round(sum(done.dice) / len(done.dice), 4),
    }


def value(row: dict[str, Any], which: str, measure: str) -> dict[str, Any]:
    """Of the network that a row ended with."""
    (found,) = [one for one in row[which] if one["name"] == measure]
    last: dict[str, Any] = found["pairs"][-1]
    return last


def _tell(plan: Plan, rows: list[dict[str, Any]]) -> None:
    """The last row as a line of a table, and all of them as JSON."""
    dsc, iou = (f"{plan.task.value} {name}, %" for name in ("DSC", "IoU"))
    if len(rows) == 1:
        print("| seen | drawn | learnt from | accepted / corrected / excluded | saved |"
              " DSC | IoU | gain of DSC | gain by what was kept |")  # fmt: skip
        print("|---" * 9 + "|")
    row = rows[-1]
    cells = [str(row[name]) for name in ("seen", "drawn", "images")]
    if "round" in row:
        done = row["round"]
        cells += [f"{done['accepted']} / {done['corrected']} / {done['excluded']}",
                  f"{100 * done['saved']:.0f} %"]  # fmt: skip
    else:
        cells += ["-", "-"]
    cells += [f"{value(row, 'fixed', name)['value']:.2f}" for name in (dsc, iou)]
    for which in ("fixed", "kept"):
        pair = value(row, which, dsc) if which in row else {}
        cells.append(
            f"{pair['gain']:+.2f} ± {pair['interval'] or 0:.2f}" if "gain" in pair else "-"
        )
    print(f"| {' | '.join(cells)} |", flush=True)
    document = {"command": shlex.join(sys.argv), "task": plan.task.value, "bar": plan.bar,
                "rows": rows, "minutes": _minutes()}  # fmt: skip
    (plan.out / "rounds.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def _minutes() -> float:
    """Since this began."""
    return round((time.monotonic() - _BEGAN) / 60, 1)


def _draw(plan: Plan, rows: list[dict[str, Any]]) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    dsc = f"{plan.task.value} DSC, %"
    figure, left = plt.subplots(figsize=(6.4, 3.6))
    images = [row["images"] for row in rows]
    left.plot(images, [value(row, "fixed", dsc)["value"] for row in rows], "o-", color="tab:blue")
    left.set(xlabel="images learnt from", ylabel=dsc, xscale="log")
    left.set_xticks(images, [str(count) for count in images])
    left.minorticks_off()
    left.yaxis.label.set_color("tab:blue")
    right = left.twinx()
    saved = [100 * row["round"]["saved"] for row in rows[1:]]
    # What was accepted are results of the network of the round before.
    right.plot(images[:-1], saved, "s--", color="tab:orange")
    right.set(ylabel="of its results accepted as they are, %", ylim=(0, 100))
    right.yaxis.label.set_color("tab:orange")
    figure.tight_layout()
    figure.savefig(plan.out / "rounds.png", dpi=80)
    plt.close(figure)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.rounds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, metavar="COVID-QU-Ex", help="holds Train and Val")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--task", choices=[task.value for task in Task], default="lung")
    parser.add_argument("--lung", default="unet-resnet18", metavar="NETWORK")
    parser.add_argument("--infection", default="fpn-resnet18", metavar="NETWORK")
    parser.add_argument(
        "--init", default="", metavar="FILE", help="encoder that stage I starts from"
    )
    parser.add_argument("--first", type=int, default=FIRST, metavar="N", help="images of stage I")
    parser.add_argument("--subsets", type=int, nargs="+", default=SUBSETS, metavar="N")
    parser.add_argument("--minutes", type=float, default=3.0, help="of each training")
    parser.add_argument("--size", type=int, default=96, metavar="PIXELS")
    parser.add_argument("--bar", type=float, default=0.95, metavar="DICE",
                        help="from which on the reader accepts")  # fmt: skip
    parser.add_argument("--no-control", action="store_true",
                        help="do not train as long on the first images alone")  # fmt: skip
    parser.add_argument("--limit", type=int, default=200, metavar="N", help="images of Val")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--train", default="", metavar="OPTIONS",
                        help="of every training: --train='--set batch=8'")  # fmt: skip
    return parser.parse_args()


if __name__ == "__main__":
    main()
