"""The two networks a command works with: named or the shipped pair, faults told as usage errors."""

from typing import TYPE_CHECKING

from dicom_node.errors import UsageError

if TYPE_CHECKING:
    from inference.engines import Engine


def pipeline_id(lung: str, infection: str) -> str:
    """Which networks, thresholds and format of results a job asks for; another is another job."""
    from inference.pipeline import Pipeline, Task
    from inference.weights import WeightsError, identify
    from sr_writer.identity import results_digest

    try:
        models = identify(Task.LUNG, lung), identify(Task.INFECTION, infection)
    except WeightsError as exc:
        raise UsageError(str(exc)) from exc
    return results_digest(Pipeline(models))


def load_networks(lung: str, infection: str, device: str) -> "Engine":
    """Both networks, verified and warmed up; raises UsageError where that cannot be had."""
    from inference.engines.device import DeviceUnavailable
    from inference.engines.pytorch import load_engine
    from inference.weights import WeightsError

    try:
        return load_engine(lung, infection, device)
    except (WeightsError, DeviceUnavailable) as exc:
        raise UsageError(str(exc)) from exc
