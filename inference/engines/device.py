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
