"""How far a long command has got, at a terminal; nothing on a pipe but a line a step."""

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


class Run:
    """Of one network's training."""

    def __init__(self, title: str) -> None:
        self._bar = tqdm(
            total=1.0, desc=title, disable=None,
            bar_format="{desc} {percentage:3.0f}% |{bar}| {elapsed} gone, {remaining} to go",
        )  # fmt: skip

    def advance(self, progress: float) -> None:
        # A budget of time may be overdrawn by a step.
        self._bar.update(min(progress, 1.0) - self._bar.n)

    def report(self, epoch: object) -> None:
        tqdm.write(str(epoch), file=sys.stderr)


def images(items: Iterable[Item]) -> Iterable[Item]:
    """The same, counted as they are done."""
    counted: Iterable[Item] = tqdm(items, unit="image", disable=None)
    return counted
