"""Phantoms, each drawn once: that takes a second of computing, however small they are."""

from functools import cache

from dicom_node.demo import phantom
from dicom_node.demo.phantom import Kind, Phantom


@cache
def draw(kind: Kind, *, rows: int, columns: int, seed: int = 0) -> Phantom:
    """As `phantom.draw`; shared by all tests, so nothing of it can be written to."""
    drawn = phantom.draw(kind, rows=rows, columns=columns, seed=seed)
    masks = (drawn.left_lung, drawn.right_lung, drawn.left_infection, drawn.right_infection)
    for array in (drawn.image, *masks):
        array.setflags(write=False)
    return drawn
