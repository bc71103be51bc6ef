"""Imports torchvision even where it was built for another kind of torch.

A torchvision whose compiled operators do not load (a CUDA build beside a CPU torch, say) fails at
import with "operator torchvision::nms does not exist", and with it timm and
segmentation-models-pytorch, although no network here ever calls those operators. Declaring their
signatures is enough for the import. With a matching pair nothing is done.
"""

import importlib

from torch.library import Library

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def import_torchvision() -> None:
    """Import torchvision; any other fault than the missing operator is raised as it came."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError as exc:
        if "operator torchvision::nms does not exist" not in str(exc):
            raise
        library = Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for schema in _SCHEMAS:
            library.define(schema)  # type: ignore[no-untyped-call]
        torchvision = importlib.import_module("torchvision")
        # The signatures vanish with this object: it must live as long as the module.
        vars(torchvision)["_declared_operators"] = library
