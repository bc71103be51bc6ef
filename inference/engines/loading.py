"""The engine for a device: PyTorch on a GPU; on the CPU OpenVINO, and PyTorch where that is not
installed.
"""

from importlib.util import find_spec

from inference.engines import Engine
from inference.engines.device import device_for


def load_engine(
    lung: str = "", infection: str = "", device: str = "auto", *, processes: int = 1
) -> Engine:
    """Both networks, verified, loaded and warmed up; `device` is "auto", "cpu" or "cuda".

    Names and paths are those of `weights.find`. `processes`, this one among them, share the
    cores. Raises WeightsError or DeviceUnavailable.
    """
    if device_for(device) == "cpu" and find_spec("openvino"):
        from inference.engines import openvino

        return openvino.load_engine(lung, infection, processes=processes)
    from inference.engines import pytorch

    return pytorch.load_engine(lung, infection, device, processes=processes)
