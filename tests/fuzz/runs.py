"""So many changed inputs on a listener, and on the decoder; what fails is shrunk and printed."""

import faulthandler
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from dicom_node.demo.modality import echo
from dicom_node.ledger import Ledger
from dicom_node.spool import Spool
from inference.decode import Radiograph, UndecodableImage, read_radiograph
from inference.header import MAX_PIXELS
from tests.fuzz.association import answers, is_kept, stored_uids
from tests.fuzz.mutations import mutated, mutated_associations
from tests.fuzz.recordings import recordings
from tests.inference.decoding.htj2k import HTJ2K_FRAME, htj2k_pixels
from tests.inference.instances import (
    compressed,
    instance,
    jpeg,
    jpeg_lossless_of,
    part10,
    twelve_bit,
)
from tests.system.storm import Footprint, Listening, listener, settled

#: Examples of one hypothesis run: it remembers all of them, and slows down.
_AT_ONCE = 1000
#: Seconds for one file, of some kilobytes: the process ends, and says where it hung.
_DECODED_WITHIN_S = 60.0
#: Seconds until the last associations have ended by the node's own time-outs.
_SETTLED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """A listener in a process of its own, and what was sent to it when all was well."""

    node: Listening
    state: Path
    recordings: list[bytes]
    before: Footprint

    def echoes(self) -> bool:
        return echo("127.0.0.1", self.node.port)


@contextmanager
def fuzzed(folder: Path) -> Iterator[Fuzzed]:
    with listener(folder, association_timeout_s=2.0, network_timeout_s=3.0) as node:
        recorded = recordings(node.port)
        for one in recorded * 5:
            answers(node.port, one)
        before = Footprint.of(node.pid)
        yield Fuzzed(node, folder / "state", recorded, before)


def fuzz_listener(fuzzed: Fuzzed, inputs: int, first: int = 0) -> None:
    """Raises where one hangs a connection, is answered Success and is not there, or makes the node
    log a fault of its own; `first`: of the seeds.
    """
    with closing(Ledger.open(f"sqlite:///{fuzzed.state / 'ledger.sqlite'}")) as ledger:
        spool = Spool(fuzzed.state / "spool")

        def try_one(content: bytes) -> None:
            for uid in stored_uids(answers(fuzzed.node.port, content)):
                assert is_kept(ledger, spool, uid), f"{uid} was answered Success and is lost"
            said = list(fuzzed.node.errors)
            fuzzed.node.errors.clear()
            assert not said, said

        _run(mutated_associations(fuzzed.recordings), try_one, inputs, first)


def leftovers(fuzzed: Fuzzed) -> list[str]:
    """What all of it has left behind in the node: threads, files, memory, bytes nobody knows of."""
    after = settled(fuzzed.node.pid, fuzzed.before, _SETTLED_WITHIN_S)
    found = [] if after.is_like(fuzzed.before) else [f"{fuzzed.before} became {after}"]
    spool = fuzzed.state / "spool"
    kept = {str(path.relative_to(spool)) for path in (spool / "received").rglob("*.dcm")}
    with closing(sqlite3.connect(fuzzed.state / "ledger.sqlite")) as ledger:
        known = {path for (path,) in ledger.execute("SELECT path FROM instances")}
    found += [f"nobody knows of {path}" for path in sorted(kept - known)]
    found += [f"{path} is not there" for path in sorted(known - kept)]
    return found + [f"left over: {path}" for path in (spool / "tmp").iterdir()]


def fuzz_decoder(inputs: int, tried: Path, first: int = 0) -> None:
    """Raises where bytes give anything but a radiograph within its bounds, or UndecodableImage.

    `tried`: holds what is being tried, for whoever finds that the process has crashed or hung.
    """

    with tried.open("wb", buffering=0) as file:

        def try_one(content: bytes) -> None:
            file.seek(0)
            file.truncate()
            file.write(content)
            signal.setitimer(signal.ITIMER_REAL, _DECODED_WITHIN_S)
            try:
                radiograph: Radiograph = read_radiograph(content)
            except UndecodableImage:
                return
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            assert 0 < radiograph.pixels.size <= MAX_PIXELS
            assert radiograph.pixels.min() >= 0
            assert radiograph.pixels.max() <= 1

        # Says where it hung, and ends the process as it would without.
        faulthandler.register(signal.SIGALRM, chain=True)
        try:
            _run(mutated(list(map(part10, _images()))), try_one, inputs, first)
        finally:
            faulthandler.unregister(signal.SIGALRM)


def _images() -> Iterator[Dataset]:
    """One for each decoder."""
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian):
        yield twelve_bit(syntax)
    deflated = twelve_bit()
    deflated.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    yield deflated
    yield jpeg(JPEGBaseline8Bit)
    yield jpeg_lossless_of(twelve_bit(), JPEGLosslessSV1)
    yield from map(compressed, (RLELossless, JPEG2000Lossless, JPEGLSLossless))
    htj2k = instance(htj2k_pixels(), HTJ2K, BitsStored=12, HighBit=11)
    htj2k.PixelData = encapsulate([HTJ2K_FRAME])
    yield htj2k


def _run(
    contents: st.SearchStrategy[bytes], try_one: Callable[[bytes], None], inputs: int, first: int
) -> None:
    # Its own time-outs are what is looked for: a busy machine's are not.
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    for at in range(0, inputs, _AT_ONCE):
        many = settings(
            max_examples=min(_AT_ONCE, inputs - at),
            deadline=None,
            suppress_health_check=slow,
            database=None,
        )
        seed(first + at)(many(given(contents)(try_one)))()
