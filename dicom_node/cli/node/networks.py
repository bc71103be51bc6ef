"""The two networks a command works with: named or the shipped pair, faults told as usage errors."""

from typing import TYPE_CHECKING

from dicom_node.errors import MemoryUnavailable, UsageError
from inference.pipeline import STANDARD, Settings

if TYPE_CHECKING:
    from dicom_node.ledger import GpuMemory
    from inference.engines import Engine


def pipeline_id(lung: str, infection: str, settings: Settings = STANDARD) -> str:
    """Which networks, thresholds and format of results a job asks for; another is another job."""
    from inference.pipeline import Pipeline, Task
    from inference.weights import WeightsError, identify
    from sr_writer.identity import results_digest

    try:
        models = identify(Task.LUNG, lung), identify(Task.INFECTION, infection)
    except WeightsError as exc:
        raise UsageError(str(exc)) from exc
    return results_digest(Pipeline(models, settings))


def load_networks(lung: str, infection: str, device: str, *, processes: int = 1) -> "Engine":
    """Both networks, verified and warmed up; raises UsageError where that cannot be had, and
    MemoryUnavailable where there is no room for them now. `processes` share the cores.
    """
    from inference.engines.device import DeviceUnavailable, free_cached
    from inference.engines.loading import load_engine
    from inference.memory import is_out_of_memory
    from inference.weights import WeightsError

    try:
        return load_engine(lung, infection, device, processes=processes)
    except (WeightsError, DeviceUnavailable) as exc:
        raise UsageError(str(exc)) from exc
    except Exception as exc:
        if not is_out_of_memory(exc):
            raise
        reason = str(exc).strip().partition("\n")[0]
    # Only here: the exception held on to what had been loaded.
    free_cached()
    raise MemoryUnavailable(f"there is no memory for the networks: {reason}")


def device_in_use(wanted: str) -> str:
    """`cpu` or `cuda`: what networks run on that were loaded for `wanted`."""
    from inference.engines.device import device_for

    return device_for(wanted)


def gpu_memory() -> "GpuMemory | None":
    """Of the GPU that this process's networks run on; None where there is none to be seen."""
    from dicom_node.ledger import GpuMemory
    from inference.engines.device import memory_in_use

    memory = memory_in_use()
    return None if memory is None else GpuMemory(*memory)
