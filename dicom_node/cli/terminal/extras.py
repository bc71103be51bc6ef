"""What an installation without extras leaves out, and how it is had: a host that only listens and
sends needs neither the networks nor what builds results.
"""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from types import MappingProxyType

#: Extras of pyproject.toml, by the module that is missing without them.
_EXTRAS: Mapping[str, str] = MappingProxyType(
    {
        "highdicom": "worker",
        "reportlab": "worker",
        "scipy": "worker",
        "segmentation_models_pytorch": "worker",
        "skimage": "worker",
        "torch": "worker",
        "torchvision": "worker",
        "tqdm": "worker",
        "matplotlib": "train",
    }
)


def missing_for_worker() -> Iterator[str]:
    """One line where anything is missing that analysis and results need."""
    missing = [name for name, extra in _EXTRAS.items() if extra == "worker" and not find_spec(name)]
    if missing:
        yield f"{', '.join(missing)}: not installed. {_remedy('worker')}"


def remedy(missing: ModuleNotFoundError) -> str | None:
    """What to install, where it is an extra's; None where the module is a mistake of our own."""
    extra = _EXTRAS.get((missing.name or "").partition(".")[0])
    return f"{missing.name} is not installed. {_remedy(extra)}" if extra else None


def _remedy(extra: str) -> str:
    # By its path: what an index may have under this name is not ours.
    return f"This needs, in the checkout: pip install '.[{extra}]'"
