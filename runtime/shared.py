"""Named blocks of shared memory that hold rows: one owner writes, any process reads.

A block is a sparse file under /dev/shm (only touched pages take memory). The owner makes all blocks
of one life under one prefix and then announces them: a manifest names paths, dtypes and shapes, and
one word, the epoch, tells readers to look at the manifest again. Blocks are a view for readers,
never the durable state: after a crash the next owner removes what the last one left. An owner holds
a lock as long as it lives, so that one who only stands by keeps its blocks beside those in use.
"""

import fcntl
import json
import mmap
import os
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_FOLDER = Path("/dev/shm")  # noqa: S108 - shared memory, file modes are 0600
_OWNER = "owner"


class NotPublished(RuntimeError):
    """No owner has announced its blocks yet, or it is just being replaced."""


class Blocks:
    """The owner's side. `run` is the run-time directory that readers know too."""

    def __init__(self, run: Path, epoch: int) -> None:
        self._run = run
        self._epoch = epoch
        self._prefix = f"{run.name}-"
        self._manifest: dict[str, dict[str, object]] = {}
        self.arrays: dict[str, Array] = {}
        _clear(self._prefix)
        self._life = _Life(_FOLDER / f"{self._prefix}{epoch}.{_OWNER}")

    def allocate(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        """Make one zero-filled block.

        Raises: OSError when shared memory cannot be mapped.
        """
        path = _FOLDER / f"{self._prefix}{self._epoch}.{name}"
        array = _map(path, dtype, shape, create=True)
        self._manifest[name] = {"path": str(path), "dtype": _describe(dtype), "shape": list(shape)}
        self.arrays[name] = array
        return array

    def publish(self) -> None:
        """Announce all blocks made so far to readers, and remove those of lives that have ended."""
        manifest = self._run / "board.json"
        draft = manifest.with_suffix(".draft")
        told = {"epoch": self._epoch, "owner": os.getpid(), "blocks": self._manifest}
        draft.write_text(json.dumps(told))
        draft.replace(manifest)
        _epoch_word(self._run)[0] = self._epoch
        _clear(self._prefix)

    def remove(self) -> None:
        """Take the blocks away; readers that are still attached keep their pages."""
        for entry in self._manifest.values():
            Path(str(entry["path"])).unlink(missing_ok=True)
        self._life.end()


class _Life:
    """The sign that an owner lives: a locked file, which a dead one leaves unlocked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        descriptor = _locked(path)
        self._close = weakref.finalize(self, os.close, descriptor)

    def end(self) -> None:
        self._path.unlink(missing_ok=True)
        self._close()


def _locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Someone who cleared up just before the lock was taken has removed it.
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
        os.close(descriptor)


def _clear(prefix: str) -> None:
    """Remove the blocks of owners that live no more."""
    for path in _FOLDER.glob(f"{prefix}*"):
        if not _has_owner(path.with_suffix(f".{_OWNER}")):
            path.unlink(missing_ok=True)


def _has_owner(sign: Path) -> bool:
    try:
        with sign.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


class Reader:
    """A reader's side: attaches to the current epoch and notices when it changes."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._word: memoryview | None = None
        self.epoch = 0
        self.owner = 0
        """The process that writes the blocks of this epoch."""
        self.arrays: dict[str, Array] = {}

    def current(self) -> dict[str, Array]:
        """Return the arrays of the current epoch, by block name. They must not be written to.

        Raises: NotPublished.
        """
        if self._word is None:
            # Read for every request: a memoryview makes a number in a third of numpy's time.
            self._word = memoryview(_epoch_word(self._run))  # type: ignore[arg-type]
        epoch = self._word[0]
        if epoch == 0:
            raise NotPublished("the matcher has not announced its shared memory")
        if epoch != self.epoch:
            self._attach()
        return self.arrays

    def _attach(self) -> None:
        try:
            manifest = json.loads((self._run / "board.json").read_text())
            self.arrays = {
                name: _map(
                    Path(entry["path"]), _dtype(entry["dtype"]), tuple(entry["shape"]), create=False
                )
                for name, entry in manifest["blocks"].items()
            }
        except OSError as error:
            raise NotPublished(f"the matcher is being replaced: {error}") from error
        self.epoch, self.owner = manifest["epoch"], manifest["owner"]


def deep_requests(run: Path, instruments: int) -> Array:
    """Map the words, one per instrument, by which readers ask for deep snapshots.

    The one place where readers write; how: `protocol/board_reads.py: DeepRequests`.
    """
    return _map(run / "deep.requests", np.dtype("<i8"), (instruments,), create=True)


def queue_requests(run: Path, instruments: int) -> Array:
    """Map the words by which readers ask for the book order by order, in the same way."""
    return _map(run / "queue.requests", np.dtype("<i8"), (instruments,), create=True)


def withdraw(run: Path) -> None:
    """Tell readers that nothing is announced any more, whoever has announced it."""
    _epoch_word(run)[0] = 0


def _epoch_word(run: Path) -> Array:
    return _map(run / "board.epoch", np.dtype("<i8"), (1,), create=True)


def _map(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], *, create: bool) -> Array:
    size = dtype.itemsize * int(np.prod(shape))
    flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
    descriptor = os.open(path, flags, 0o600)
    try:
        if create and os.fstat(descriptor).st_size < size:
            os.ftruncate(descriptor, size)
        access = mmap.PROT_READ | mmap.PROT_WRITE if create else mmap.PROT_READ
        memory = mmap.mmap(descriptor, size, mmap.MAP_SHARED, access)
    finally:
        os.close(descriptor)
    return np.frombuffer(memory, dtype, int(np.prod(shape))).reshape(shape)


def _describe(dtype: np.dtype[Any]) -> object:
    return dtype.str if dtype.fields is None else [list(field) for field in dtype.descr]


def _dtype(described: object) -> np.dtype[Any]:
    if isinstance(described, str):
        return np.dtype(described)
    assert isinstance(described, list)
    return np.dtype([(name, width) for name, width in described])
