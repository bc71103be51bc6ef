"""What readers have drawn on a radiograph, for people: their figures beside the node's."""

from collections.abc import Iterator, Sequence

from dicom_node.ledger import Correction, Job
from dicom_node.ops.wording import line

#: Of an author, in a line.
_NAME = 64


def reader_of(correction: Correction) -> str:
    """As a person writes a name: what is drawn says FAMILY^GIVEN."""
    parts = correction.author.partition("=")[0].split("^")
    name = " ".join(part.strip() for part in (*parts[1:3], parts[0]) if part.strip())
    return line(name, _NAME) or "a reader without a name"


def reader_lines(drawn: Sequence[Correction], job: Job) -> Iterator[str]:
    """Of a radiograph's job, or of a Segmentation's; the first of a radiograph's counts."""
    for place, one in enumerate(drawn):
        where = f"drawn on job {one.image_job_id}" if one.job_id == job.id else f"job {one.job_id}"
        counts = ", which counts" if not place and one.job_id != job.id and len(drawn) > 1 else ""
        at = line(one.drawn_at) or "at no time"
        yield f"  {reader_of(one)}, {at}, {one.algorithm} ({where}){counts}"
        yield f"    reader  {_figures(counted_by_reader(one))}"
        yield f"    node    {_figures(counted_by_node(one))}"
        if said := [f"{name} {value:.2f}" for name, value in agreement(one) if value is not None]:
            yield f"    Dice    {', '.join(said)}"


def correction_line(one: Correction) -> str:
    """One of a list."""
    at = line(one.drawn_at) or "at no time"
    dice = one.counted.dice_infection
    return (
        f"{one.image_job_id}  {one.image_uid}  {reader_of(one)}, {at}"
        f"  reader {_figures(counted_by_reader(one))}  node {_figures(counted_by_node(one))}"
        f"  Dice of infection {'-' if dice is None else f'{dice:.2f}'}"
    )


def counted_by_reader(one: Correction) -> tuple[float | None, float | None, float | None]:
    """Infected percent: left, right, both."""
    return one.counted.percent_left, one.counted.percent_right, one.counted.percent_both


def counted_by_node(one: Correction) -> tuple[float | None, float | None, float | None]:
    return one.counted.node_left, one.counted.node_right, one.counted.node_both


def agreement(one: Correction) -> tuple[tuple[str, float | None], ...]:
    """What is compared, and its Dice."""
    counted = one.counted
    return (
        ("left lung", counted.dice_lung_left),
        ("right lung", counted.dice_lung_right),
        ("infection", counted.dice_infection),
    )


def _figures(values: Sequence[float | None]) -> str:
    said = ("-" if value is None else f"{value:.1f} %" for value in values)
    return ", ".join(
        f"{name} {one}" for name, one in zip(("left", "right", "both"), said, strict=True)
    )
