"""A network as OpenVINO's graph: made from its weights once, and kept for every later start.

To make it takes PyTorch and seconds, to read it neither. It is kept in a folder of the user's own
(`$XDG_CACHE_HOME/cxr-node`), under a name that says which weights it was made of and by which
OpenVINO, with its SHA-256: one that is damaged, or of another version, is made again, and where
nothing can be kept it is made at every start.
"""

import hashlib
import json
import logging
import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import openvino

from inference.weights import ModelCard, load_state

if TYPE_CHECKING:
    from torch import nn

logger = logging.getLogger(__name__)

#: Raised with every change of what a graph holds.
REVISION = 1
#: Nothing that a graph says may be farther from what PyTorch says.
_NEARER_THAN = 1e-3
_PARTS = ("graph.xml", "graph.bin")


def graph_of(core: openvino.Core, card: ModelCard) -> openvino.Model:
    """From a (1, size, size) image to its probability map, (1, size, size), and strangeness, (1,).

    Raises WeightsError where the weights cannot be used.
    """
    load_state(card)  # the file is what its card says, whatever was made of it before
    kept = _folder() / f"{card.sha256[:16]}-{openvino.__version__.partition('-')[0]}-{REVISION}"
    if _is_whole(kept):
        return core.read_model(kept / "graph.xml")
    # Here and not above, so that whoever finds it kept starts without torch.
    from inference.engines.pytorch import load_network

    graph = made_of(core, load_network(card), card.size)
    _keep(graph, kept)
    return graph


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path("~/.cache").expanduser()) / "cxr-node" / "networks"


def _is_whole(kept: Path) -> bool:
    try:
        digests = json.loads((kept / "sha256.json").read_text("utf-8"))
        owner = kept.stat().st_uid
        return owner in (0, os.getuid()) and digests == _digests(kept)
    except (OSError, ValueError):
        return False


def _digests(folder: Path) -> dict[str, str]:
    digests = {}
    for name in _PARTS:
        with (folder / name).open("rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _keep(graph: openvino.Model, kept: Path) -> None:
    """For the next start, unless another has done so meanwhile, and may be reading it."""
    try:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, ignore_cleanup_errors=True) as name:
            made = Path(name) / "made"
            made.mkdir(mode=0o700)
            openvino.save_model(graph, made / "graph.xml", compress_to_fp16=False)
            (made / "sha256.json").write_text(json.dumps(_digests(made)), "utf-8")
            if _is_whole(kept):
                return
            if kept.exists():
                kept.rename(Path(name) / "damaged")
            made.rename(kept)
    except (OSError, RuntimeError) as exc:
        # A read-only root, a full disk, another who was quicker.
        extra = {"reason": str(exc), "folder": str(kept.parent)}
        logger.info("the network's graph is not kept and will be made again", extra=extra)


def made_of(core: openvino.Core, network: "nn.Module", size: int) -> openvino.Model:
    """The graph of a network in evaluation mode, that says of an image what the network says."""
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    from inference.engines.runners import Reads

    reads = Reads(network).eval()
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(1, size, size))).float()
    with warnings.catch_warnings():
        # Tracing is what OpenVINO reads best, is called deprecated, and warns of what is constant
        # in a graph for images of one size.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(reads, image, check_trace=False)  # type: ignore[no-untyped-call]
        # Not `openvino.convert_model`, which tells its makers that it was used.
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced, example_input=image)
        graph = frontend.convert(frontend.load(decoder))
    graph.reshape(list(image.shape))
    said = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(image.numpy())
    for theirs, ours in zip(said.to_tuple(), reads(image), strict=True):
        if not np.abs(theirs - ours.numpy()).max() < _NEARER_THAN:
            raise RuntimeError("OpenVINO reads the network otherwise than PyTorch does")
    return graph
