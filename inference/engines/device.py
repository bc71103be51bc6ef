"""Which device networks run on: the CPU, or CUDA where there is one.

Nothing here imports torch on a machine without a GPU: it takes longer than all else of a start.
"""

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

#: What a driver that torch could use puts there: NVIDIA's, Windows' for its Linux, AMD's.
_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/kfd"))


class DeviceUnavailable(RuntimeError):
    """The device asked for is not there."""


def choose_device(wanted: str) -> "torch.device":
    """ "auto" is CUDA where there is one."""
    import torch

    return torch.device(device_for(wanted))


def device_for(wanted: str) -> str:
    """ "cpu" or "cuda"; "auto" is CUDA where there is one. Raises DeviceUnavailable."""
    if wanted == "cpu":
        return wanted
    if _has_cuda():
        return "cuda"
    if wanted == "cuda":
        raise DeviceUnavailable(
            "no CUDA device: install a CUDA build of torch and its driver, or choose cpu"
        )
    return "cpu"


def _has_cuda() -> bool:
    if not any(driver.exists() for driver in _DRIVERS):
        return False
    import torch

    return torch.cuda.is_available()


def free_cached() -> None:
    """Give back what torch keeps of the GPU's memory for later, which others may need."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def memory_in_use() -> tuple[int, int] | None:
    """Bytes in use of this process's CUDA device, by whomever, and all there are; None where it has
    not used one.
    """
    torch = sys.modules.get("torch")
    if torch is None or not (torch.cuda.is_available() and torch.cuda.is_initialized()):
        return None
    try:
        free, size = torch.cuda.mem_get_info()
    except RuntimeError:
        # The driver is ill: whoever works with it says so.
        return None
    return size - free, size
