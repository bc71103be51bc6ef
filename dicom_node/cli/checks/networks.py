"""What analyses: the two networks' files, what they run on, and what decodes their images."""

from collections.abc import Iterator
from importlib.util import find_spec

from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from dicom_node.cli.checks.check import Check, fault, ok, warning
from dicom_node.config import Config
from inference.decoding.transfer_syntaxes import PLUGINS, decodable
from inference.findings import Task
from inference.weights import WeightsError, find, load_state


def models(config: Config) -> Iterator[Check]:
    """Each network's file, read whole and compared with its card."""
    for task, chosen in (
        (Task.LUNG, config.models.lung),
        (Task.INFECTION, config.models.infection),
    ):
        name = f"model, {task.value}"
        try:
            card = find(task, chosen)
            load_state(card)
        except WeightsError as exc:
            yield fault(name, str(exc), "install it again, or correct its path in [models]")
        else:
            yield ok(name, f"{card.network} {card.version}, SHA-256 {card.sha256[:12]}… verified")


def device(config: Config) -> Check:
    name = "device"
    if not find_spec("torch"):
        return ok(name, "no torch; this host can only listen and send")
    from inference.engines.device import DeviceUnavailable, choose_device
    from inference.evaluation.benchmark import machine

    try:
        chosen = choose_device(config.models.device)
    except DeviceUnavailable as exc:
        return fault(name, str(exc), 'set device = "auto" to go on without')
    return ok(name, machine(chosen))


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
