"""Which device networks run on: the CPU, or CUDA where there is one."""

import torch


class DeviceUnavailable(RuntimeError):
    """The device asked for is not there."""


def choose_device(wanted: str) -> torch.device:
    """ "auto" is CUDA where there is one."""
    has_cuda = torch.cuda.is_available()
    if wanted == "auto":
        return torch.device("cuda" if has_cuda else "cpu")
    if wanted == "cuda" and not has_cuda:
        raise DeviceUnavailable(
            "no CUDA device: install a CUDA build of torch and its driver, or choose cpu"
        )
    return torch.device(wanted)


def memory_in_use() -> tuple[int, int] | None:
    """Bytes in use of this process's CUDA device, by whomever, and all there are; None where it has
    not used one.
    """
    if not (torch.cuda.is_available() and torch.cuda.is_initialized()):  # type: ignore[no-untyped-call]
        return None
    try:
        free, size = torch.cuda.mem_get_info()
    except RuntimeError:
        # The driver is ill: whoever works with it says so.
        return None
    return size - free, size
