"""What another engine makes of the same radiographs: `python -m tests.bench.engines VAL`.

Each of OpenVINO's precisions beside PyTorch in single precision, through the node's own analysis:
how many decisions are the same, how far each mask agrees, and what the pair takes.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from inference.analyze import analyze
from inference.datasets.cases import Case, read_cases, spread
from inference.engines import Engine, openvino, pytorch
from inference.evaluation.evaluate import said_mask
from inference.findings import Decision, Findings, Task

#: Images that time is taken with, after one that is not counted.
TIMED = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("split", type=Path, help="a split of COVID-QU-Ex")
    parser.add_argument("--limit", type=int, default=None, help="of this many images alone")
    parser.add_argument("--precisions", nargs="+", default=["f32"])
    arguments = parser.parse_args()
    cases = spread(read_cases(arguments.split), arguments.limit)
    plain = pytorch.load_engine(device="cpu")
    expected = list(said(cases, plain))
    print(f"PyTorch: {milliseconds(plain):.1f} ms the pair")
    for precision in arguments.precisions:
        engine = openvino.load_engine(precision=precision)
        agree(precision, expected, list(said(cases, engine)))
        print(f"{precision}: {milliseconds(engine):.1f} ms the pair")


def said(cases: Sequence[Case], engine: Engine) -> Iterator[Findings]:
    return (analyze(case.source(), engine).findings for case in cases)


def agree(precision: str, expected: Sequence[Findings], found: Sequence[Findings]) -> None:
    decisions = [one.decision for one in expected]
    same = sum(one.decision is wanted for one, wanted in zip(found, decisions, strict=True))
    print(f"{precision}: {same} of {len(expected)} decisions are the same")
    for task in Task:
        dice = [dice_of(*pair, task) for pair in zip(expected, found, strict=True)]
        print(f"  {task.value}: Dice {np.mean(dice):.5f}, the least {min(dice):.5f}")
    off = [
        abs((one.infected_percent or 0) - (other.infected_percent or 0))
        for one, other in zip(expected, found, strict=True)
        if Decision.UNDETERMINED not in (one.decision, other.decision)
    ]
    print(f"  infected percentage: {np.mean(off):.4f} points apart, at most {max(off):.3f}")


def dice_of(one: Findings, other: Findings, task: Task) -> float:
    ours, theirs = said_mask(one, task), said_mask(other, task)
    total = int(ours.sum()) + int(theirs.sum())
    return 2 * int((ours & theirs).sum()) / total if total else 1.0


def milliseconds(engine: Engine) -> float:
    image = np.random.default_rng(0).random((1, engine.size, engine.size), np.float32)
    times = []
    for _ in range(TIMED + 1):
        started = time.perf_counter()
        engine.segment(image)
        times.append(1000 * (time.perf_counter() - started))
    return float(np.median(times[1:]))


if __name__ == "__main__":
    main()
