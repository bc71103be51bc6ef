"""What analyses: the two networks' files, what they run on, and what decodes their images."""

import time
from collections.abc import Iterator
from importlib.util import find_spec

from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from dicom_node.cli.checks.check import Check, Key, fault, ok, warning
from dicom_node.config import Config, ModelsSection
from dicom_node.errors import MemoryUnavailable, UsageError
from inference.decoding.transfer_syntaxes import PLUGINS, decodable
from inference.findings import Task
from inference.weights import WeightsError, find, load_state


def models(config: Config) -> Iterator[Check]:
    """Each network's file, read whole and compared with its card."""
    yield from _models("models", config.models)
    if config.shadow.differs:
        yield from _models("shadow", config.shadow.beside(config.models))


def _models(section: str, chosen_for: ModelsSection) -> Iterator[Check]:
    for task, chosen in ((Task.LUNG, chosen_for.lung), (Task.INFECTION, chosen_for.infection)):
        name = f"{'shadow' if section == 'shadow' else 'model'}, {task.value}"
        try:
            card = find(task, chosen)
            load_state(card)
        except WeightsError as exc:
            to_do = f"install it again, or correct its path in [{section}]"
            yield fault(name, str(exc), to_do, Key(section, task.value))
        else:
            yield ok(name, f"{card.network} {card.version}, SHA-256 {card.sha256[:12]}… verified")


def device(config: Config) -> Check:
    name = "device"
    if not find_spec("torch"):
        return ok(name, "no torch; this host can only listen and send")
    from inference.engines.device import DeviceUnavailable, choose_device
    from inference.evaluation.benchmark import machine

    try:
        chosen = choose_device(config.leading.device)
    except DeviceUnavailable as exc:
        to_do = 'set device = "auto" to go on without'
        return fault(name, str(exc), to_do, Key("models", "device"))
    return ok(name, machine(chosen))


def engine(config: Config) -> Check:
    """Both networks loaded and run once, on an image of nothing: does it analyse at all?"""
    name = "engine"
    if not find_spec("torch"):
        return ok(name, "no torch; this host can only listen and send")
    import numpy as np

    from dicom_node.cli.node.networks import load_networks

    models = config.leading
    key = Key("models", "device")
    try:
        loaded = load_networks(models.lung, models.infection, models.device)
        blank = np.zeros((1, loaded.size, loaded.size), np.float32)
        # The first one warms up what all others are quick by.
        loaded.segment(blank)
        started = time.monotonic()
        maps = loaded.segment(blank)
        took_ms = 1000 * (time.monotonic() - started)
    except (UsageError, MemoryUnavailable) as exc:
        return fault(name, str(exc), "mend the models and the device first", key)
    except Exception as exc:
        # What torch and a driver raise is theirs.
        to_do = 'see the driver and nvidia-smi; device = "cpu" goes on without'
        return fault(name, f"both networks loaded and failed to run: {exc!r}", to_do, key)
    if not np.isfinite(maps.lung).all() or not np.isfinite(maps.infection).all():
        return fault(name, "what it gives is no number", 'try device = "cpu"', key)
    return ok(name, f"{type(loaded).__name__}: both networks, a blank image in {took_ms:.0f} ms")


def decoders() -> Check:
    """Whether each transfer syntax that is offered to senders can be read indeed."""
    name = "decoders"
    offered = decodable()
    broken = [uid for uid in offered if uid.is_compressed and not _can_be_read(uid)]
    if broken:
        return fault(
            name,
            f"offered to senders but not readable: {_names(broken)}",
            "install pylibjpeg, pillow, python-gdcm and pyjpegls again",
        )
    missing = [uid for uid in PLUGINS if uid not in offered]
    if not missing:
        return ok(name, f"{len(offered)} transfer syntaxes, all")
    # GPL-3, so it is an extra that many do without.
    if [uid.keyword for uid in missing] == ["JPEGExtended12Bit"]:
        return ok(name, f"{len(offered)} transfer syntaxes; {_names(missing)} with extra `jpeg12`")
    return warning(
        name,
        f"{len(offered)} transfer syntaxes, without {_names(missing)}",
        "install pylibjpeg, pillow, python-gdcm and pyjpegls",
    )


def _can_be_read(uid: UID) -> bool:
    try:
        return get_decoder(uid).is_available
    except NotImplementedError:
        # Deflated is no codec of pixels.
        return not uid.is_encapsulated


def _names(uids: list[UID]) -> str:
    return ", ".join(uid.name for uid in uids)
