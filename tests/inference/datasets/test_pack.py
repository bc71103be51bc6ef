"""A set made small: the same set, in as many bytes as there may be."""

from pathlib import Path

import pytest
import torch

from dicom_node.__main__ import main
from inference.datasets.cases import DatasetError, read_cases, undrawn
from inference.datasets.examples import load_examples
from inference.datasets.pack import QUALITIES, pack
from inference.findings import Task
from tests.inference.drawn_chests import draw_split


def test_a_packed_set_is_the_same_set_in_fewer_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw_split(tmp_path / "data" / "Train", each=2)
    draw_split(tmp_path / "more", each=2, masks=False)
    command = ["pack", "--data", str(tmp_path / "data"), "--more", str(tmp_path / "more"),
               "--out", str(tmp_path / "packed"), "--size", "64"]  # fmt: skip
    assert main(command) == 0
    assert "24 files" in capsys.readouterr().out
    before, after = (
        load_examples(read_cases(folder / "Train"), Task.INFECTION, 64, with_lungs=True)
        for folder in (tmp_path / "data", tmp_path / "packed")
    )
    assert after.names == before.names
    assert torch.equal(after.masks, before.masks)
    assert before.lungs is not None
    assert after.lungs is not None
    assert torch.equal(after.lungs, before.lungs)
    assert (after.images.float() - before.images.float()).abs().mean() < 3
    further = undrawn([tmp_path / "packed" / "more"])
    kinds = ["COVID-19", "Non-COVID", "Normal"]
    assert [case.name.split("/")[0] for case in further] == [kind for kind in kinds for _ in "ab"]


def test_a_set_is_packed_at_the_quality_that_fits_and_refused_where_none_does(
    tmp_path: Path,
) -> None:
    cases = read_cases(draw_split(tmp_path / "data", each=2))
    best = pack({"Train": cases}, tmp_path / "best", 64, 10**9)
    # What each file costs an archive is counted too.
    worse = pack({"Train": cases}, tmp_path / "worse", 64, best.bytes + best.files * 512 - 500)
    assert worse.quality < best.quality == QUALITIES[0]
    assert worse.bytes < best.bytes
    with pytest.raises(DatasetError, match="do not fit"):
        pack({"Train": cases}, tmp_path / "none", 64, 1000)
