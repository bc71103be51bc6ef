"""Algorithm 2: figures and what they average over, the document, tables and pictures."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dicom_node.__main__ import main
from dicom_node.cli.evaluation.drawn import DrawnCase
from dicom_node.demo.phantom import Kind
from inference.datasets.cases import read_cases
from inference.engines import ProbabilityMaps
from inference.evaluation.distortions import DISTORTIONS, distorted
from inference.evaluation.evaluate import Cascade, Result, evaluate
from inference.evaluation.metrics import (
    Averaging,
    Figure,
    count_pixels,
    detection,
    overlap,
    pixel_counts,
)
from inference.evaluation.pictures import draw_all, rank
from inference.evaluation.strangers import rows_of, strangers_table
from inference.evaluation.summary import agreement, roc_of, summarise
from inference.evaluation.tables import tables
from inference.findings import Caution, Decision, ModelIdentity, Task
from tests.inference.drawn_chests import BODY, INFECTED, LUNG, draw_split

pytestmark = pytest.mark.slow

Gray = NDArray[np.float32]
MODELS = tuple(ModelIdentity(task, "fpn-resnet18", "1", "0" * 64) for task in Task)


class DrawnEngine:
    """Knows drawn chests by their gray values; `infected` may be made to err."""

    size = 64
    models = MODELS

    def __init__(self, infected: Callable[[Gray], NDArray[Any]] | None = None) -> None:
        self.seen: list[Gray] = []
        self._infected = infected or (lambda image: image > (LUNG + INFECTED) / 2)

    def segment(self, images: Gray) -> ProbabilityMaps:
        self.seen += list(images)
        lung = images < (INFECTED + BODY) / 2
        infected = lung & self._infected(images).astype(np.bool_)
        familiar = np.zeros(len(images), np.float32)
        return ProbabilityMaps(lung.astype(np.float32), infected.astype(np.float32), familiar)


def nothing(image: Gray) -> Gray:
    return np.zeros_like(image)


def test_an_empty_prediction_of_an_empty_truth_counts_one_over_images() -> None:
    empty, full = np.zeros((4, 4), np.bool_), np.ones((4, 4), np.bool_)
    half = full.copy()
    half[:2] = False
    counts = pixel_counts(
        [count_pixels(empty, empty), count_pixels(half, full), count_pixels(half, empty)]
    )
    figures = overlap(counts, np.array([False, True, False]))
    assert counts.dsc().tolist() == pytest.approx([1, 2 / 3, 0])
    assert figures["dsc"][Averaging.IMAGES].value == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert figures["dsc"][Averaging.COVID_IMAGES].value == pytest.approx(2 / 3)
    assert figures["dsc"][Averaging.PIXELS].value == pytest.approx(16 / 32)
    assert figures["iou"][Averaging.PIXELS].value == pytest.approx(8 / 24)
    assert figures["accuracy"][Averaging.IMAGES].value == pytest.approx((1 + 0.5 + 0.5) / 3)


@pytest.mark.parametrize(
    ("value", "images", "interval"),
    [(0.9591, 6788, 0.0047), (0.8292, 1166, 0.0216), (0.9966, 1166, 0.0033)],
)
def test_the_interval_is_the_one_the_paper_prints(
    value: float, images: int, interval: float
) -> None:
    assert Figure(value, images).interval == pytest.approx(interval, abs=0.00006)


def test_detection_figures_of_a_known_confusion_matrix() -> None:
    said = np.array([True] * 9 + [False] + [True] * 2 + [False] * 8)
    is_covid = np.arange(20) < 10
    figures = {name: figure.value for name, figure in detection(said, is_covid).items()}
    assert figures == pytest.approx(
        {"accuracy": 17 / 20, "precision": 9 / 11, "sensitivity": 0.9, "f1": 18 / 21,
         "specificity": 0.8}
    )  # fmt: skip


def test_networks_that_are_right_get_every_figure_right(tmp_path: Path) -> None:
    results = evaluate(read_cases(draw_split(tmp_path, each=3)), DrawnEngine())
    summary = summarise(results, MODELS)
    assert summary["detection"]["sensitivity"] == summary["detection"]["specificity"] == 1
    for task in ("lung", "infection"):
        for way in Averaging:
            assert summary[task]["dsc"][way.value] == pytest.approx(1, abs=0.002)
    assert summary["infected_percent_error"]["both"]["mean_absolute"] < 0.2
    assert summary["infected_percent_error"]["left"]["images"] == 3
    assert summary["roc"]["area"] == 1
    assert (summary["images"], summary["covid_images"], summary["undetermined"]) == (9, 3, 0)


def test_networks_that_never_see_infection_are_only_right_about_the_others(
    tmp_path: Path,
) -> None:
    results = evaluate(read_cases(draw_split(tmp_path, each=3)), DrawnEngine(nothing))
    summary = summarise(results, MODELS)
    assert (summary["detection"]["sensitivity"], summary["detection"]["specificity"]) == (0, 1)
    assert summary["detection"]["precision"] is None
    assert summary["infection"]["dsc"] == pytest.approx(
        {"mean_over_images": 2 / 3, "mean_over_covid_images": 0, "pooled_over_pixels": 0}
    )
    assert summary["confusion"]["false_negative"] == 3
    assert summary["infected_percent_error"]["both"]["correlation"] is None


def test_a_case_without_lungs_is_undetermined_and_no_positive_call(tmp_path: Path) -> None:
    class Blind(DrawnEngine):
        def segment(self, images: Gray) -> ProbabilityMaps:
            familiar = np.zeros(len(images), np.float32)
            return ProbabilityMaps(np.zeros_like(images), np.ones_like(images), familiar)

    results = evaluate(read_cases(draw_split(tmp_path, each=1)), Blind())
    summary = summarise(results, MODELS)
    assert summary["undetermined"] == 3
    assert summary["detection"]["sensitivity"] == 0
    assert summary["lung"]["dsc"]["mean_over_images"] == 0


def test_a_split_without_masks_still_gets_the_detection_table(tmp_path: Path) -> None:
    results = evaluate(read_cases(draw_split(tmp_path, each=1, masks=False)), DrawnEngine())
    summary = summarise(results, MODELS)
    assert summary["detection"]["accuracy"] == 1
    assert summary["lung"] is None
    assert summary["infection"] is None
    assert "no true masks" in tables(summary)
    json.dumps(summary, allow_nan=False)


def test_the_cascaded_scheme_shows_the_infection_network_the_lungs_alone(tmp_path: Path) -> None:
    engine = DrawnEngine()
    (case, *_) = read_cases(draw_split(tmp_path, each=1))
    evaluate([case], Cascade(engine))
    whole, segmented = engine.seen
    lungs = case.mask(Task.LUNG)
    assert lungs is not None
    assert not segmented[~lungs].any()
    np.testing.assert_array_equal(segmented[lungs], whole[lungs])


def result(is_covid: bool, pixels: int, said: float = 0, true: float = 0) -> Result:
    return Result(
        name=f"{is_covid}-{pixels}",
        is_covid=is_covid,
        decision=Decision.POSITIVE if pixels else Decision.NEGATIVE,
        infected_pixels=pixels,
        said_percent={"left": said, "right": None, "both": said},
        true_percent={"left": true, "right": true, "both": true},
        pixels={Task.INFECTION: (pixels, 0, 10, 100)},
    )


def test_the_roc_moves_the_least_number_of_infected_pixels() -> None:
    known = [result(True, 500), result(True, 40), result(False, 50), result(False, 0)]
    curve = roc_of(known)
    assert curve.area == pytest.approx(0.75)
    at = dict(
        zip(curve.minimum.tolist(), zip(curve.sensitivity, curve.specificity, strict=True),
            strict=True)
    )  # fmt: skip
    assert at == {1: (1, 0.5), 40: (1, 0.5), 50: (0.5, 0.5), 500: (0.5, 1), 501: (0, 1)}
    points = {
        point["minimum_infected_pixels"]: (point["sensitivity"], point["specificity"])
        for point in summarise(known, MODELS)["roc"]["points"]
    }
    assert points[1] == (1, 0.5)
    assert points[100] == (0.5, 1)
    assert points[5000] == (0, 1)


def test_the_percentages_agree_as_bland_and_altman_have_it() -> None:
    said_and_true = ((10, 20), (50, 40), (90, 70))
    results = [result(True, 5, said, true) for said, true in said_and_true]
    found = agreement([*results, result(False, 0)], "both")
    assert found.images == 3
    assert found.mean_absolute == pytest.approx(40 / 3)
    assert found.bias == pytest.approx(20 / 3)
    spread = np.std([-10, 10, 20], ddof=1)
    correlation = np.asarray(np.corrcoef(said_and_true, rowvar=False))
    assert found.limits == pytest.approx((found.bias - 1.96 * spread, found.bias + 1.96 * spread))
    assert found.correlation == pytest.approx(correlation[0, 1])
    assert math.isnan(agreement(results, "right").mean_absolute)


def test_the_worst_image_is_ranked_last() -> None:
    ranked = rank([result(True, 1), result(True, 100), result(False, 0)], Task.INFECTION)
    assert [name for name, _ in ranked] == ["True-100", "True-1"]


def test_every_picture_is_drawn(tmp_path: Path) -> None:
    cases = read_cases(draw_split(tmp_path / "drawn", each=3))
    engine = DrawnEngine()
    drawn = draw_all(evaluate(cases, engine), cases, engine, tmp_path)
    assert {path.name for path in drawn} == {
        "roc.png", "confusion.png", "bland-altman.png",
        "lung-best-median-worst.png", "infection-best-median-worst.png",
    }  # fmt: skip
    assert all(path.stat().st_size > 5000 for path in drawn)


@pytest.mark.parametrize("name", DISTORTIONS)
def test_networks_that_know_gray_values_hold_where_only_the_shape_changes(
    tmp_path: Path, name: str
) -> None:
    cases = distorted(read_cases(draw_split(tmp_path, each=2)), DISTORTIONS[name])
    summary = summarise(evaluate(cases, DrawnEngine()), MODELS)
    # Inverted ones are noticed and turned back; cropped and turned ones are interpolated, and an
    # edge's mixed gray looks infected.
    least = {"none": 0.95, "flipped": 0.95, "corners covered": 0.95, "inverted": 0.95}
    least |= {"cropped": 0.7, "rotated": 0.7}
    greatest = {"brightened": 0.5}
    dsc = summary["infection"]["dsc"]["mean_over_covid_images"]
    assert least.get(name, 0) <= dsc <= greatest.get(name, 1)


def test_a_flipped_chest_has_its_infection_in_the_other_lung(tmp_path: Path) -> None:
    cases = read_cases(draw_split(tmp_path, each=1))[:1]
    (plain,) = evaluate(cases, DrawnEngine())
    (flipped,) = evaluate(distorted(cases, DISTORTIONS["flipped"]), DrawnEngine())
    assert plain.said_percent["right"] == pytest.approx(flipped.said_percent["left"])
    assert plain.true_percent is not None
    assert flipped.true_percent is not None
    assert plain.true_percent["right"] == pytest.approx(flipped.true_percent["left"])
    assert flipped.said_percent["right"] == 0


def test_the_command_tells_how_the_figures_fall_on_distorted_copies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw_split(tmp_path / "Val", each=1)
    file = tmp_path / "distorted.json"
    command = ["evaluate", "--data", str(tmp_path), "--split", "Val", "--limit", "1",
               "--distort", "border covered", "--json", str(file)]  # fmt: skip
    assert main(command) == 0
    assert set(json.loads(file.read_text())["distortions"]) == {"border covered"}
    assert "| border covered |" in capsys.readouterr().out
    assert main([*command, "--distort", "melted"]) == 2
    assert "corners covered" in capsys.readouterr().err


def test_strangers_and_drawn_chests_stand_in_one_table_with_the_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw_split(tmp_path / "data" / "Val", each=1)
    draw_split(tmp_path / "elsewhere", each=1, masks=False)
    (tmp_path / "dicom").mkdir()
    DrawnCase(Kind.HEALTHY, 0).source().save_as(tmp_path / "dicom" / "chest.dcm")
    (tmp_path / "dicom" / "notes.txt").write_text("no image")
    file = tmp_path / "figures.json"
    command = ["evaluate", "--data", str(tmp_path / "data"), "--split", "Val", "--drawn", "1",
               "--strangers", str(tmp_path / "elsewhere"),
               "--strangers", str(tmp_path / "dicom"), "--json", str(file)]  # fmt: skip
    assert main(command) == 0
    rows = json.loads(file.read_text())["strangers"]
    assert [(row["name"], row["images"]) for row in rows] == [
        ("Val", 3), ("Val, COVID-19", 1), ("Val, Non-COVID", 1), ("Val, Normal", 1),
        ("elsewhere", 3), ("elsewhere, COVID-19", 1), ("elsewhere, Non-COVID", 1),
        ("elsewhere, Normal", 1), ("dicom", 1),
        ("drawn", 2), ("drawn, healthy", 1), ("drawn, bilateral_opacities", 1),
    ]  # fmt: skip
    # The shipped lung network knows a drawn chest's lungs; nobody drew those of the others.
    assert rows[-2]["lung DSC"] > 0.9
    assert rows[8]["lung DSC"] is None
    assert "| dicom | 1 |" in capsys.readouterr().out


def test_what_is_said_of_strangers_is_counted_by_class() -> None:
    faint = replace(
        result(False, 0),
        name="Normal/a",
        decision=Decision.UNDETERMINED,
        said_percent=dict.fromkeys(("left", "right", "both")),
        cautions=(Caution.FAINT,),
    )
    gross = replace(result(False, 900, said=7), name="Normal/b")
    one_lung = {"left": 12.0, "right": None, "both": None}
    half = replace(result(False, 9), name="Non-COVID/c", said_percent=one_lung)
    unclear = replace(
        result(False, 0),
        name="Normal/d",
        decision=Decision.UNDETERMINED,
        cautions=(Caution.STRANGE,),
    )
    total, normal, other = rows_of("elsewhere", [faint, gross, half, unclear])
    columns = ("positive", "above 5 % of the lungs", "undetermined", "too faint to say", "strange")
    shares = [tuple(row[column] for column in columns) for row in (total, normal, other)]
    assert shares == [
        (1 / 2, 1 / 2, 1 / 2, 1 / 4, 1 / 4),
        (1 / 3, 1 / 3, 2 / 3, 1 / 3, 1 / 3),
        (1, 1, 0, 0, 0),
    ]
    table = strangers_table([normal])
    assert "| elsewhere, Normal | 3 | 33.3 | 33.3 | 66.7 | 33.3 | 33.3 |" in table


def test_the_shipped_pair_is_evaluated_on_real_images(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    command = ["evaluate", "--data", str(shared_data / "covid-qu-ex"), "--split", "Val",
               "--limit", "12", "--json", str(file)]  # fmt: skip
    assert main(command) == 0
    figures = json.loads(file.read_text())
    assert (figures["images"], figures["covid_images"]) == (12, 6)
    assert figures["lung"]["dsc"]["mean_over_images"] > 0.93
    assert figures["infection"]["dsc"]["mean_over_images"] > 0.6
    assert set(figures["detection"]) == {
        "sensitivity", "specificity", "accuracy", "precision", "f1", "interval",
    }  # fmt: skip
    assert figures["detection"]["accuracy"] > 0.7
    assert "the paper, on Test" in capsys.readouterr().out


def test_a_split_that_is_not_there_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--data", str(tmp_path), "--split", "Test"]) == 2
    assert "no such folder" in capsys.readouterr().err
