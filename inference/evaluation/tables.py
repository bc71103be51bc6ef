"""A summary as the paper's tables, in percent, with the paper's own row for the same networks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inference.evaluation import paper
from inference.evaluation.metrics import Averaging
from inference.findings import Task

_OVERLAPS = ("accuracy", "iou", "dsc")
_DETECTION = ("accuracy", "precision", "sensitivity", "f1", "specificity")
_PAPER_OVERLAPS = {Task.LUNG: paper.LUNG, Task.INFECTION: paper.INFECTION}


def tables(summary: Mapping[str, Any]) -> str:
    """All tables, as Markdown."""
    networks = {Task(model["task"]): model["name"] for model in summary["models"]}
    lines = [
        f"{summary['images']} images, {summary['covid_images']} of COVID-19; no conclusion on "
        f"{summary['undetermined']}, which count as not positive. Percent ± half the 95 % interval "
        "(equation 2).",
        "",
        *_segmentation(summary, networks),
        *_decision(summary, networks),
        *_percentages(summary),
    ]
    return "\n".join(lines)


def distortion_table(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """One row for each distortion: the two mean overlaps and the decision, in percent."""
    lines = [
        *_head(
            "distortion", "lung DSC", "infection DSC", "sensitivity", "specificity", "no conclusion"
        )
    ]
    for name, summary in summaries.items():
        detected = summary["detection"]
        shares = [
            summary[task.value] and summary[task.value]["dsc"][Averaging.IMAGES.value]
            for task in Task
        ]
        shares += [detected and detected[name] for name in ("sensitivity", "specificity")]
        cells = [_number(share and 100 * share) for share in shares]
        lines.append(_row(name, [*cells, str(summary["undetermined"])]))
    return "\n".join(lines)


def _segmentation(summary: Mapping[str, Any], networks: Mapping[Task, str]) -> Iterator[str]:
    """Table 2."""
    yield from _head("segmentation", "accuracy", "IoU", "DSC")
    for task in Task:
        block = summary[task.value]
        if block is None:
            yield f"| {task.value}: no true masks | - | - | - |"
            continue
        for way in Averaging:
            cells = [
                _percent(block[name][way.value], block["interval"][name][way.value])
                for name in _OVERLAPS
            ]
            yield _row(f"{task.value}, {networks[task]}, {way.value.replace('_', ' ')}", cells)
        yield from _paper_row(_PAPER_OVERLAPS[task], networks[task])
    yield ""


def _decision(summary: Mapping[str, Any], networks: Mapping[Task, str]) -> Iterator[str]:
    """Table 3 and the confusion matrix behind it."""
    block = summary["detection"]
    if block is None:
        return
    yield from _head("detection", *_DETECTION)
    network = networks[Task.INFECTION]
    yield _row(network, [_percent(block[name], block["interval"][name]) for name in _DETECTION])
    yield from _paper_row(paper.DETECTION, network)
    yield ""
    confusion = summary["confusion"]
    yield from _head("confusion", "said positive", "said negative")
    yield _row("COVID-19", [str(confusion["true_positive"]), str(confusion["false_negative"])])
    yield _row("other", [str(confusion["false_positive"]), str(confusion["true_negative"])])
    yield ""
    area = _number(summary["roc"]["area"], 4)
    yield f"Area under the ROC over the least number of infected pixels: {area}"
    yield ""


def _paper_row(table: Mapping[str, Sequence[float]], network: str) -> Iterator[str]:
    """Nothing for a network the paper does not have."""
    if network in table:
        yield _row("the paper, on Test", _plain(table[network]))


def _percentages(summary: Mapping[str, Any]) -> Iterator[str]:
    """Said against true infected percentage of the COVID-19 images."""
    blocks = summary["infected_percent_error"]
    if not blocks["both"]["images"]:
        return
    yield from _head(
        "infected percentage, COVID-19 images", "images", "mean absolute error", "bias",
        "95 % of differences", "r",
    )  # fmt: skip
    for place, block in blocks.items():
        low, high = block["limits_of_agreement"]
        yield _row(
            place,
            [
                str(block["images"]),
                _number(block["mean_absolute"]),
                _number(block["bias"]),
                f"{_number(low)} to {_number(high)}",
                _number(block["correlation"], 3),
            ],
        )


def _head(*names: str) -> Iterator[str]:
    yield _row(names[0], names[1:])
    yield "|---" * len(names) + "|"


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {' | '.join([name, *cells])} |"


def _percent(value: float | None, interval: float | None) -> str:
    if value is None or interval is None:
        return "-"
    return f"{100 * value:.2f} ± {100 * interval:.2f}"


def _plain(values: Sequence[float]) -> list[str]:
    return [f"{value:.2f}" for value in values]


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
