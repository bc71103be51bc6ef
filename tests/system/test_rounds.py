"""The loop of learning with readers runs from end to end, on drawn radiographs.

Not covered: that networks get better by it. Two steps teach nothing; `tests.bench.rounds` measures
it on real radiographs.
"""

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from dicom_node.config import load
from dicom_node.demo.phantom import Kind
from dicom_node.ledger import Ledger
from inference.datasets.cases import Case, read_cases
from inference.findings import Task
from tests.bench.rounds.learning import Plan, learn
from tests.bench.rounds.reader import Example, example_of, save_pairs
from tests.phantoms import draw

pytestmark = pytest.mark.long

_SHIPPED = {Task.LUNG: "unet-resnet18", Task.INFECTION: "fpn-efficientnetlite2"}


def drawn(kind: Kind, *seeds: int) -> list[Example]:
    phantoms = (draw(kind, rows=382, columns=318, seed=seed) for seed in seeds)
    return [example_of(phantom) for phantom in phantoms]


def test_a_reader_accepts_corrects_and_the_node_gets_what_was_learnt(tmp_path: Path) -> None:
    # None near another, or none could be held out to choose the epoch by.
    first = [*drawn(Kind.HEALTHY, 1, 5), *drawn(Kind.WHITE_LUNG, 1, 2)]
    # Of a wholly opaque lung the networks see little: there is something to correct.
    subsets = [
        [*drawn(Kind.HEALTHY, 11 + after), *drawn(Kind.WHITE_LUNG, 13 + after)] for after in (0, 1)
    ]
    save_pairs(drawn(Kind.RIGHT_OPACITY, 9, 10), tmp_path / "fixed" / "Val")
    plan = Plan(
        tmp_path / "rounds",
        networks=_SHIPPED,
        # What is taught already, and taught next to nothing: it finds the lungs of drawn chests.
        init={task: f"{task.value}-{name}" for task, name in _SHIPPED.items()},
        minutes=0.01,
        other_minutes=0.01,
        size=256,
        options=("--set", "learning_rate=1e-9", "--set", "held_out=0.5", "--precision", "fp32"),
        bar=0.9,
        excluding=0,
        control=False,
        fixed=("--data", str(tmp_path / "fixed"), "--split", "Val"),
    )
    rows = learn(plan, [*first, *subsets[0], *subsets[1]], len(first), [2, 2])
    assert [row["seen"] for row in rows] == [4, 6, 8]
    assert [row["drawn"] for row in rows] == [4, 5, 6]
    for row in rows[1:]:
        done = row["round"]
        assert (done["accepted"], done["corrected"], done["unusable"]) == (1, 1, 0)
        assert [len(measure["pairs"]) for measure in row["fixed"]][:2] == [2, 2]
    assert json.loads((plan.out / "rounds.json").read_text())["rows"] == rows
    assert (plan.out / "rounds.png").stat().st_size > 1000
    # What is learnt from: of what was corrected the truth, of what was accepted what the node saw.
    known = [case for split in ("Train", "Val") for case in _cases(plan.pairs / split)]
    masks = {case.name: case.mask(Task.LUNG) for case in known}
    assert len(masks) == 8
    for healthy, white in subsets:
        seen, by_hand = masks[healthy.uid], masks[white.uid]
        assert seen is not None
        assert by_hand is not None
        assert np.array_equal(by_hand, white.truth(Task.LUNG))
        assert 0 < np.count_nonzero(seen ^ healthy.truth(Task.LUNG)) < 0.1 * seen.sum()
    # Each round was analysed by another network: the one of the round before.
    with closing(Ledger.open(load(plan.out / "node.toml").ledger_url)) as ledger:
        pipelines = [
            {job.pipeline for one in subset for job in ledger.jobs.of_instance(one.uid)}
            for subset in subsets
        ]
    assert [len(those) for those in pipelines] == [1, 1]
    assert pipelines[0] != pipelines[1]


def _cases(folder: Path) -> list[Case]:
    return read_cases(folder) if folder.is_dir() else []
