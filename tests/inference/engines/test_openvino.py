"""What is OpenVINO's own: a graph is made once, and every later start does without PyTorch."""

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino
import pytest
import torch

from inference.analyze import analyze
from inference.datasets.cases import read_cases, spread
from inference.engines import pytorch
from inference.engines.graphs import graph_of, made_of
from inference.engines.loading import load_engine
from inference.evaluation.evaluate import said_mask
from inference.findings import Findings, Task
from inference.networks import NETWORKS, build
from inference.weights import WeightsError, default

#: The smaller one, to be made anew in each test.
CARD = default(Task.INFECTION)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "cxr-node" / "networks"


def made() -> openvino.Model:
    return graph_of(openvino.Core(), CARD)


def test_on_a_cpu_it_is_what_speaks() -> None:
    assert type(load_engine(device="cpu")).__name__ == "OpenvinoEngine"


def test_a_start_that_finds_its_graphs_does_without_torch() -> None:
    load_engine(device="cpu")
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=True
    )
    assert said.stdout == "False False\n"


WITHOUT_TORCH = """
import sys
from inference.engines.loading import load_engine
load_engine(device="auto")
print("torch" in sys.modules, "segmentation_models_pytorch" in sys.modules)
"""


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_read_as_pytorch_reads_it(name: str) -> None:
    torch.manual_seed(0)
    made_of(openvino.Core(), build(name).eval(), CARD.size)


def test_a_graph_is_made_once_and_nobody_else_may_write_it(cache: Path) -> None:
    made()
    [kept] = cache.iterdir()
    assert cache.stat().st_mode & 0o077 == 0
    before = (kept / "graph.xml").stat().st_mtime_ns
    made()
    assert (kept / "graph.xml").stat().st_mtime_ns == before


@pytest.mark.parametrize("part", ["graph.xml", "graph.bin", "sha256.json"])
def test_a_damaged_graph_is_made_again(cache: Path, part: str) -> None:
    made()
    [kept] = cache.iterdir()
    content = bytearray((kept / part).read_bytes())
    content[len(content) // 2] ^= 1
    (kept / part).write_bytes(content)
    image = np.random.default_rng(0).random((1, CARD.size, CARD.size), np.float32)
    core = openvino.Core()
    said = core.compile_model(made(), "CPU")(image)[0]
    assert (kept / part).read_bytes() != bytes(content)
    assert np.isfinite(said).all()
    assert [each.name for each in cache.iterdir()] == [kept.name]


def test_where_nothing_can_be_kept_it_is_made_each_time(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.parent.mkdir()
    cache.write_text("a file where the folder should be")
    with caplog.at_level(logging.INFO):
        assert made().get_output_size() == 2
    assert "is not kept" in caplog.text


def test_weights_that_are_not_what_their_card_says_are_refused_though_a_graph_is_kept(
    tmp_path: Path,
) -> None:
    made()
    weights = tmp_path / "weights.safetensors"
    content = bytearray(CARD.weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    (tmp_path / "card.json").write_bytes(CARD.weights.with_name("card.json").read_bytes())
    with pytest.raises(WeightsError, match="SHA-256"):
        load_engine(infection=str(weights), device="cpu")


def test_it_finds_what_pytorch_finds_so_that_a_pipeline_is_the_same_with_either(
    shared_data: Path,
) -> None:
    cases = spread(read_cases(shared_data / "covid-qu-ex" / "Val"), 24)
    on_pytorch, on_openvino = (
        [analyze(case.source(), engine).findings for case in cases]
        for engine in (pytorch.load_engine(device="cpu"), load_engine(device="cpu"))
    )
    for one, other in zip(on_pytorch, on_openvino, strict=True):
        assert one.decision is other.decision
        assert all(dice_of(one, other, task) > 0.995 for task in Task)


def dice_of(one: Findings, other: Findings, task: Task) -> float:
    ours, theirs = said_mask(one, task), said_mask(other, task)
    total = int(ours.sum()) + int(theirs.sum())
    return 2 * int((ours & theirs).sum()) / total if total else 1.0
