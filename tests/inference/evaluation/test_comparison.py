"""Old and new networks side by side on the same images: what is gained, and how surely."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dicom_node.__main__ import main
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from inference.evaluation.comparison import compared, comparison_table
from inference.evaluation.evaluate import Result
from inference.findings import Decision, Task
from inference.networks import build
from inference.training.export import export
from tests.phantoms import draw
from tests.readers import as_slicer

#: True and false positive, false negative and true negative pixels, and the DSC in percent.
HALF, GOOD = (50, 50, 50, 850), (90, 10, 10, 890)


def result(name: str, lung: tuple[int, int, int, int], *, infected: bool, called: bool) -> Result:
    percent = dict.fromkeys(("left", "right", "both"), 10.0)
    return Result(
        name=name,
        is_covid=infected,
        decision=Decision.POSITIVE if called else Decision.NEGATIVE,
        infected_pixels=0,
        said_percent=percent,
        true_percent=percent,
        pixels={Task.LUNG: lung},
    )


def test_a_gain_is_counted_image_by_image() -> None:
    old = [
        result("a", HALF, infected=True, called=False),
        result("b", GOOD, infected=True, called=True),
        result("c", HALF, infected=False, called=True),
    ]
    new = [replace(one, decision=Decision.POSITIVE, pixels={Task.LUNG: GOOD}) for one in old]
    rows = {row["name"]: row for row in compared({"old": old, "new": new})}
    lungs = rows["lung DSC, %"]
    assert lungs["images"] == 3
    first, second = lungs["pairs"]
    assert (first["networks"], first["value"], first["gain"]) == ("old", pytest.approx(190 / 3), 0)
    assert second["value"] == pytest.approx(90)
    assert second["gain"] == pytest.approx(80 / 3)
    # Gains of 40, 0 and 40: their standard deviation over the root of three.
    assert second["interval"] == pytest.approx(1.96 * math.sqrt(1600 / 3) / math.sqrt(3))
    called = rows["infected ones called positive, %"]
    assert (called["images"], called["pairs"][1]["gain"]) == (2, 50)
    assert rows["others called positive, %"]["pairs"][1]["interval"] is None
    # Of what nobody drew nothing is said.
    assert "infection DSC, %" not in rows
    assert "| lung DSC, % | 3 | 63.33 | 90.00 | +26.67 ± 26.13 |" in comparison_table([lungs])


@pytest.mark.slow
def test_a_network_is_measured_beside_the_one_whose_place_it_would_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2):
        phantom = draw(Kind.BILATERAL_OPACITIES, rows=382, columns=318, seed=seed)
        image = as_dicom(phantom)
        lungs = {"left": phantom.left_lung, "right": phantom.right_lung}
        infection = {"left": phantom.left_infection, "right": phantom.right_infection}
        place = tmp_path / "data" / "Val" / str(seed)
        place.mkdir(parents=True)
        image.save_as(place / "radiograph.dcm", enforce_file_format=True)
        seg = as_slicer(image, lungs, infection)
        seg.save_as(place / "segmentation.dcm", enforce_file_format=True)
    torch.manual_seed(0)
    card = {"task": "lung", "network": "unet-resnet18", "version": "untaught",
            "licence": "none", "size": 256}  # fmt: skip
    untaught = export(build("unet-resnet18").state_dict(), card, tmp_path / "untaught")
    file = tmp_path / "figures.json"
    command = ["evaluate", "--data", str(tmp_path / "data"), "--split", "Val"]
    beside = ["--beside", str(untaught), "infection-fpn-efficientnetlite2"]
    assert main([*command, *beside, "--json", str(file)]) == 0
    rows = {row["name"]: row for row in json.loads(file.read_text())["beside"]}
    pairs = rows["lung DSC, %"]["pairs"]
    assert [pair["networks"].split(" (")[0] for pair in pairs] == [
        "lung unet-resnet18 2026.11.26", "lung unet-resnet18 untaught",
    ]  # fmt: skip
    assert pairs[1]["gain"] < -20
    assert "| lung DSC, % | 2 |" in capsys.readouterr().out
    assert main([*command, "--beside", "lung-unknown"]) == 2
    assert main([*command, "--beside", str(untaught), "lung-unet-resnet18"]) == 2
    assert "one of each task" in capsys.readouterr().err
