"""The steps of deploy/container/Dockerfile, done without a container engine: `make container`.

Each stage is a folder, begun as debootstrap's root or a copy of another stage; RUN is done in it by
chroot, COPY from the checkout or another stage. What a layer adds is measured as it is made. Then
the image's own command runs a demonstration as its user, with its root mounted read-only. Needs
root, debootstrap, and whatever pip needs on this host, which is lent to the root as a mount.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCKERFILE = ROOT / "deploy" / "container" / "Dockerfile"
SUITE, MIRROR = "bookworm", "http://deb.debian.org/debian"
#: What Debian's slim images leave out as well.
_NOT_IN_SLIM = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale")
#: How this host's pip finds packages, and whom it believes; there where it is set up so.
_LENT = (
    *("/etc/xdg/pip", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt"),
    *("/opt/pypi", "/opt/pypi-more", "/opt/wheels"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction."""

    word: str  #: FROM, RUN, COPY, ...
    said: str  #: what stands behind it, on one line


@dataclass(slots=True)
class Stage:
    """One stage, as far as it has been built."""

    name: str
    folder: Path
    environment: dict[str, str]
    workdir: str = "/"
    user: str = "root"
    #: Of every step that wrote anything: what it was, and bytes.
    layers: list[tuple[str, int]] = field(default_factory=list)


def steps(text: str) -> list[Step]:
    """The instructions of a Dockerfile, without comments, continued lines joined."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found = []
    for line in filter(None, (line.strip() for line in joined.splitlines())):
        word, _, said = line.partition(" ")
        found.append(Step(word.upper(), said.strip()))
    return found


class Building:
    """Does the instructions, one after the other."""

    def __init__(self, out: Path, arguments: Mapping[str, str]) -> None:
        self._out = out
        self._given = dict(arguments)
        self._global: dict[str, str] = {}
        self.stages: dict[str, Stage] = {}
        self._stage: Stage | None = None

    def do(self, step: Step, only: set[str]) -> None:
        """Only of the stages wanted; their base is made when it is first asked for."""
        if step.word == "FROM":
            base, _, name = step.said.partition(" AS ")
            self._stage = self._begin(base, name) if name in only else None
            return
        if self._stage is None:
            if step.word == "ARG" and not self.stages:
                self._argument(step.said, self._global)
            return
        match step.word:
            case "ARG":
                self._argument(step.said, self._stage.environment)
            case "ENV":
                pairs = (pair.partition("=") for pair in shlex.split(step.said))
                self._stage.environment |= {name: value for name, _, value in pairs}
            case "WORKDIR":
                self._stage.workdir = step.said
                self._inside(step.said).mkdir(parents=True, exist_ok=True)
            case "USER":
                self._stage.user = step.said
            case "RUN":
                self._measured(step, lambda stage: self._run(stage, step.said))
            case "COPY":
                self._measured(step, lambda stage: self._copy(stage, step.said))
            case "VOLUME" | "EXPOSE" | "STOPSIGNAL" | "HEALTHCHECK" | "ENTRYPOINT" | "CMD":
                pass
            case _:
                raise SystemExit(f"{step.word}: not known here")

    def _begin(self, base: str, name: str) -> Stage:
        folder = self._out / name
        if base in self.stages:
            of = self.stages[base]
            _sh("cp", "-a", "--reflink=auto", f"{of.folder}/.", f"{_fresh(folder)}")
            stage = Stage(name, folder, dict(of.environment), of.workdir, of.user, list(of.layers))
        else:
            # Fetched once, for every try.
            bare = self._out / "debian"
            if not (bare / "etc/debian_version").exists():
                _debootstrap(_fresh(bare))
            _sh("cp", "-a", "--reflink=auto", f"{bare}/.", f"{_fresh(folder)}")
            stage = Stage(name, folder, {"PATH": "/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin"})
            stage.layers.append((f"{SUITE}, as Debian's slim image", _size(folder)))
        self.stages[name] = stage
        return stage

    def _argument(self, said: str, into: dict[str, str]) -> None:
        name, _, value = said.partition("=")
        into[name] = self._given.get(name, value)

    def _measured(self, step: Step, do: Callable[[Stage], None]) -> None:
        assert self._stage is not None
        before = _size(self._stage.folder)
        do(self._stage)
        added = _size(self._stage.folder) - before
        self._stage.layers.append((f"{step.word} {step.said}"[:72], added))
        print(
            f"{self._stage.name}: {step.word} {step.said[:60]} ({added / 1e6:+.1f} MB)", flush=True
        )

    def _run(self, stage: Stage, said: str) -> None:
        with _lent(stage.folder):
            words = f"cd {shlex.quote(stage.workdir)} && {said}"
            chroot(stage, ["/bin/sh", "-ec", words], stage.environment)

    def _copy(self, stage: Stage, said: str) -> None:
        words = said.split()
        source = ROOT
        if words[0].startswith("--from="):
            source = self.stages[words.pop(0).removeprefix("--from=")].folder
        *names, target = words
        into = (
            self._inside(target) if target.startswith("/") else self._inside(stage.workdir) / target
        )
        for name in names:
            path = source / name.removeprefix("/")
            place = into / path.name if len(names) > 1 else into
            if path.is_dir():
                shutil.copytree(
                    path,
                    place,
                    symlinks=True,
                    dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("__pycache__") if source == ROOT else None,
                )
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, place)

    def _inside(self, path: str) -> Path:
        assert self._stage is not None
        return self._stage.folder / path.removeprefix("/")


def chroot(
    stage: Stage, words: list[str], environment: Mapping[str, str], *, user: str = ""
) -> None:
    """Run in a stage's root; raises CalledProcessError."""
    as_user = [f"--userspec={user}"] if user else []
    lent = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    subprocess.run(
        ["chroot", *as_user, str(stage.folder), *words],
        env={"DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8", **lent, **environment},
        stdin=subprocess.DEVNULL, check=True,
    )  # fmt: skip


@contextmanager
def _lent(folder: Path) -> Iterator[None]:
    """This host's /proc, /dev, name service, and what pip is set up with."""
    shutil.copy2("/etc/resolv.conf", folder / "etc/resolv.conf")
    mounted = []
    try:
        for place in ("/proc", "/dev", *_LENT):
            target = folder / place.removeprefix("/")
            made = Path(place).is_dir() and not target.exists()
            if made:
                target.mkdir(parents=True)
            # A file is lent where the root has one of its own in that place already.
            if Path(place).exists() and target.exists():
                _sh("mount", "--bind", "-o", "rw" if place == "/dev" else "ro", place, str(target))
                mounted.append((target, made))
        yield
    finally:
        for target, made in reversed(mounted):
            _sh("umount", str(target))
            if made:
                target.rmdir()


def _debootstrap(folder: Path) -> None:
    _sh("debootstrap", "--variant=minbase", SUITE, str(folder), MIRROR)
    for name in _NOT_IN_SLIM:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("var/cache/apt", "var/lib/apt/lists", "var/log"):
        for path in (folder / name).glob("*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


#: The image's root mounted read-only, with what an engine mounts into it: $1; then what runs in it.
_READ_ONLY = """
mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"
mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && mount -t tmpfs tmpfs "$1/tmp"
mount -t tmpfs -o mode=1777 shm "$1/dev/shm"
mount -t tmpfs -o uid=10001,gid=10001,mode=0700 volume "$1/var/lib/cxr-node"
root=$1; shift; exec /usr/sbin/chroot --userspec=10001:10001 "$root" "$@"
"""
_TRIED = """
cd /var/lib/cxr-node
if touch /written 2>/dev/null; then echo "the root can be written" >&2; exit 1; fi
id && cxr-node --version && cxr-node demo
"""


def try_out(stage: Stage) -> None:
    """The demonstration, as the image's user, in a root that is mounted read-only."""
    entered = ["unshare", "--mount", "--pid", "--fork", "sh", "-ec", _READ_ONLY, "sh"]
    subprocess.run(
        [*entered, str(stage.folder), "/bin/sh", "-ec", _TRIED],
        env=dict(stage.environment), stdin=subprocess.DEVNULL, check=True,
    )  # fmt: skip


def _size(folder: Path) -> int:
    """Bytes on disk of all below, this file system alone."""
    said = subprocess.run(
        ["du", "--one-file-system", "--summarize", "--block-size=1", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return int(said.stdout.split()[0])


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _sh(*words: str) -> None:
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


def main() -> int:
    """Build the targets named, try the full one, and write what each layer came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--target", action="append", choices=["light", "full"])
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    if os.geteuid():
        raise SystemExit("needs root: chroot and mounts")
    targets = set(arguments.target or ("light", "full"))
    needed = {"python", "light-packages", "code", "runtime", *targets}
    needed |= {"packages", "graphs"} if "full" in targets else set()
    given = dict(one.split("=", 1) for one in arguments.build_arg)
    building = Building(arguments.out.resolve(), given)
    for step in steps(DOCKERFILE.read_text("utf-8")):
        building.do(step, needed)
    layers = {name: building.stages[name].layers for name in sorted(targets)}
    (arguments.out / "layers.json").write_text(json.dumps(layers, indent=2), "utf-8")
    for name, made in layers.items():
        print(f"{name}: {sum(size for _, size in made) / 1e6:.0f} MB")
        for what, size in made:
            print(f"  {size / 1e6:8.1f} MB  {what}")
    if "full" in targets:
        try_out(building.stages["full"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
