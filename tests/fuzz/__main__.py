"""`make fuzz INPUTS=100000`: as many changed inputs, half on the listener, half on the decoder."""

import faulthandler
import logging
import sys
import tempfile
import time
import warnings
from pathlib import Path

from tests.fuzz.runs import fuzz_decoder, fuzz_listener, fuzzed, leftovers
from tests.system.storm import Footprint

#: Inputs of which is said how far it is.
_STEP = 5000
#: Megabytes that the decoders' own pools may come to hold.
_MORE_MEGABYTES = 50


def main(inputs: int, first: int = 0) -> None:
    faulthandler.enable()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    half = inputs // 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _decoder(half, folder / "tried.dcm", first)
        _listener(half, folder, first)


def _decoder(inputs: int, tried: Path, first: int) -> None:
    began = time.monotonic()
    fuzz_decoder(min(inputs, 500), tried, first)
    before = Footprint.of_this()
    for at in range(0, inputs, _STEP):
        fuzz_decoder(min(_STEP, inputs - at), tried, first + at)
        print(f"  {at + _STEP} files, {time.monotonic() - began:.0f} s", flush=True)
    after = Footprint.of_this()
    assert after.megabytes <= before.megabytes + _MORE_MEGABYTES, (before, after)
    took_s = time.monotonic() - began
    print(f"{inputs} changed files decoded or refused, {took_s:.0f} s; {before} became {after}")


def _listener(inputs: int, folder: Path, first: int) -> None:
    began = time.monotonic()
    with fuzzed(folder) as node:
        for at in range(0, inputs, _STEP):
            fuzz_listener(node, min(_STEP, inputs - at), first + at)
            now = Footprint.of(node.node.pid)
            print(
                f"  {at + _STEP} associations, {time.monotonic() - began:.0f} s, {now}", flush=True
            )
        assert node.echoes()
        assert not (found := leftovers(node)), found
        after = Footprint.of(node.node.pid)
        took_s = time.monotonic() - began
        print(
            f"{inputs} changed associations, lost 0, hung 0, {took_s:.0f} s;"
            f" {node.before} became {after}"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
