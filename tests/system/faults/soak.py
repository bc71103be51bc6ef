"""Kill -9 of each part, and of the whole node, at random moments: `lost 0, doubled 0`, or not.

    python -m tests.system.faults.soak --kills 200 [--seed N] [--services]

Radiographs come in all the while, each sent again until it is answered Success. The seed decides
who is killed and when; it is printed first, and what became of everything last.
"""

import argparse
import os
import random
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path

from pydicom import Dataset

from dicom_node.config import load
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.errors import UNKNOWN_TRIES, LedgerUnavailable
from dicom_node.ledger import Ledger
from tests.system.faults.servers import Postgres, RabbitMQ
from tests.system.faults.setting import configuration
from tests.system.faults.stream import (
    RESULTS,
    Stream,
    Verdict,
    assert_each_once,
    judge,
)
from tests.system.waiting import wait_until

#: The three parts, and all of them with their supervisor.
PARTS = ("listen", "work", "send")
ALL = "all"
#: Seconds between two kills, at most: several radiographs' way.
LONGEST_LIFE_S = 6.0
#: Seconds from one radiograph to the next.
EVERY_S = 0.5
#: Radiographs on their way at most: a node that is killed all the time is not a fast one.
ON_THEIR_WAY = 8
#: Seconds for what is left at the end.
SETTLE_S = 300.0


def soak(
    node: RunningNode,
    pacs: Pacs,
    ledger_url: str,
    stream: Stream,
    kills: int,
    seed: int,
    others: Sequence[Dataset] = (),
) -> Verdict:
    """Kill so often; the verdict on every radiograph of `stream` that was answered Success.

    `others` are known to `pacs` from before.
    """
    print(f"seed {seed}, {kills} kills", flush=True)
    dice = random.Random(seed)
    with stream, closing(Ledger.open(ledger_url)) as ledger:
        stream.wait_for(1)
        print(f"before: {taken_by(node)}", flush=True)
        for number in range(1, kills + 1):
            time.sleep(dice.uniform(0.0, LONGEST_LIFE_S))
            # Each in turn, so that a short soak has met all; which first is chance.
            victim = (*PARTS, ALL)[(number + seed) % 4]
            if victim in ("work", ALL):
                wait_until(partial(is_bearable, ledger), SETTLE_S, "what has died twice to end")
            kill(node, victim)
            if number % 10 == 0:
                print(f"{number} kills: {judge(stream.accepted, pacs)}", flush=True)
        stream.wait_for(1, SETTLE_S)
        stream.stop()
        with suppress(AssertionError):
            # What is missing by then is lost: the verdict says it.
            assert_each_once(stream.accepted, pacs)
    print(f"after: {taken_by(node)}", flush=True)
    verdict = judge(stream.accepted, pacs, [*others, *stream.given_up])
    print(f"{kills} kills with seed {seed}: {verdict}", flush=True)
    return verdict


def has_enough(pacs: Pacs, accepted: Sequence[Dataset]) -> bool:
    return judge(accepted, pacs).lost >= ON_THEIR_WAY * len(RESULTS)


def is_bearable(ledger: Ledger) -> bool:
    """Whether nothing is in hand that would be held for what kills its worker, after one more."""
    try:
        ids = [job_id for one in ledger.workers.all() for job_id in one.job_ids]
        jobs = [job for job in map(ledger.jobs.get, ids) if job is not None]
    except LedgerUnavailable:
        return False
    return all(job.deaths < UNKNOWN_TRIES - 1 for job in jobs)


def taken_by(node: RunningNode) -> str:
    """Memory, threads and open files of the supervisor and of each part, by proc(5)."""
    pids = {"up": node.pid} | {part: node.pid_of(part) for part in PARTS}
    return "; ".join(f"{name} {_taken(Path(f'/proc/{pid}'))}" for name, pid in pids.items())


def _taken(process: Path) -> str:
    lines = (process / "status").read_text().splitlines()
    status = {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
    memory_mb = int(status["VmRSS"].split()[0]) / 1024
    files = len(list((process / "fd").iterdir()))
    return f"{memory_mb:.0f} MB, {status['Threads']} threads, {files} files"


def kill(node: RunningNode, victim: str) -> None:
    """SIGKILL: nothing is tidied up. The whole node is started again, a part by its supervisor."""
    pids = [node.pid_of(part) for part in (PARTS if victim == ALL else [victim])]
    if victim == ALL:
        pids.insert(0, node.pid)
    for pid in pids:
        # A part that was killed a moment ago may not have been started again.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if victim == ALL:
        node.join()
        node.log.clear()
        node.start()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    parser.add_argument(
        "--services", action="store_true", help="on a PostgreSQL and a RabbitMQ of its own"
    )
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cxr-soak-")))
        pacs = stack.enter_context(Pacs(folder / "pacs"))
        postgres = stack.enter_context(Postgres()) if arguments.services else None
        rabbitmq = stack.enter_context(RabbitMQ()) if arguments.services else None
        if postgres is not None:
            postgres.empty()
        file = folder / "node.toml"
        file.write_text(configuration(folder / "state", "cxr", pacs, postgres, rabbitmq), "utf-8")
        config = load(file)
        node = RunningNode(folder / "state", port=config.node.port, config_file=file)
        with node:
            stream = Stream(node.port, EVERY_S, has_enough=partial(has_enough, pacs))
            verdict = soak(node, pacs, config.ledger_url, stream, arguments.kills, arguments.seed)
    return 0 if verdict.is_clean else 1


if __name__ == "__main__":
    raise SystemExit(main())
