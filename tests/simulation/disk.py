"""A disk that forgets: real files stand for the page cache, an image of each for the platter.

What was not synced is on the platter sector by sector or not at all, as chance has it, when the power
goes. A failed sync forgets what was dirty: the platter never gets it, and the next sync says that all is
well, as the kernel does. The cache keeps it for a while, or gives those pages away at once, because it
takes them for clean: then even a reader of this machine finds what was there before.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path

from runtime.journal import Disk
from runtime.segments import SECTOR
from tests.simulation.faults import Fate, Killed, PowerLost

Span = tuple[int, int]
_EVICTION = 0.5
"""How often the pages of a failed sync leave the cache."""


class SimDisk:
    """The disk of one machine, for the files that are written through `seam`."""

    def __init__(self, fate: Fate, *, evicts: bool) -> None:
        """Take `evicts`: whether the cache may lose what a failed sync has left in it.

        Who acknowledges before the sync says that this loses something, as a power cut does.
        """
        self._fate = fate
        self._evicts = evicts
        self._images: dict[int, bytearray] = {}
        self._dirty: dict[int, list[Span]] = {}
        self.full = False
        self.touched: set[int] = set()
        """Descriptors that were written or synced; whoever wants to know clears it first."""

    def seam(self) -> Disk:
        """Return the calls for a journal."""
        return Disk(write=self.write, sync=self.sync, entropy=self._fate.rng.randbytes)

    def write(self, file: int, content: bytes | memoryview, offset: int) -> int:
        """Write like `os.pwrite`, into the cache."""
        self._strike(file, content, offset)
        size = os.fstat(file).st_size
        count = len(content)
        if self.full and offset + count > size:
            # The blocks that the file has are its own: only new ones are missing.
            count = max(0, size - offset)
            if count == 0:
                raise OSError(errno.ENOSPC, "no space")
        if self._fate.strikes("short_write"):
            count = self._cut(offset, count) or count
        if self._fate.strikes("write_fails"):
            raise OSError(errno.EIO, "write failed")
        self._put(file, content[:count], offset)
        return count

    def sync(self, file: int) -> None:
        """Bring what is dirty of a file to the platter."""
        self._strike(file)
        if self._fate.strikes("sync_fails"):
            self._forget(file)
            raise OSError(errno.EIO, "sync failed")
        self._persist(file)
        self._strike(file)

    def close_touched(self) -> None:
        """Close what a process that died had open, as its end would have done."""
        for file in sorted(self.touched):
            with suppress(OSError):
                os.close(file)
        self.touched.clear()

    def sync_all(self, paths: list[Path]) -> None:
        """Sync files by name, as a reader does."""
        for path in paths:
            file = os.open(path, os.O_RDONLY)
            try:
                self._persist(file)
            finally:
                os.close(file)

    def lose_power(self, paths: list[Path]) -> None:
        """Let these files be what was on the platter, and of what was on its way some sectors."""
        share = self._fate.rng.choice((0.0, 0.3, 0.7, 1.0))
        images = {}
        for path in paths:
            with path.open("r+b") as file:
                number = os.fstat(file.fileno()).st_ino
                cache = file.read()
                image = self._images.get(number, bytearray())
                for start, end in self._dirty.get(number, []):
                    for sector in range(start - start % SECTOR, end, SECTOR):
                        if self._fate.rng.random() < share:
                            _lay(image, cache[sector : sector + SECTOR], sector)
                file.seek(0)
                file.write(image)
                file.truncate(len(image))
                images[number] = image
        self._images, self._dirty = images, {}

    def _strike(self, file: int, content: bytes | memoryview = b"", offset: int = 0) -> None:
        """Let the process or the machine end here, in the middle of a write perhaps."""
        self.touched.add(file)
        if self._fate.strikes("power_cut"):
            self._put(file, content, offset)
            raise PowerLost
        if self._fate.strikes("kill"):
            self._put(file, content[: self._cut(offset, len(content))], offset)
            raise Killed

    def _cut(self, offset: int, count: int) -> int:
        """Return how much of a write is done that ends early.

        A kernel copies page by page and looks for a deadly signal in between: here it is sectors.
        """
        end = self._fate.rng.randrange(offset, offset + count + 1)
        return count if end == offset + count else max(0, end - end % SECTOR - offset)

    def _put(self, file: int, content: bytes | memoryview, offset: int) -> None:
        if len(content):
            os.pwrite(file, content, offset)
            spans = self._dirty.setdefault(os.fstat(file).st_ino, [])
            spans.append((offset, offset + len(content)))

    def _forget(self, file: int) -> None:
        """Take what is dirty of a file for clean; perhaps the cache has no place for it any more."""
        number = os.fstat(file).st_ino
        spans = self._dirty.pop(number, [])
        if self._evicts and self._fate.rng.random() < _EVICTION:
            image = self._images.get(number, bytearray())
            for start, end in spans:
                os.pwrite(file, bytes(image[start:end]).ljust(end - start, b"\0"), start)

    def _persist(self, file: int) -> None:
        number = os.fstat(file).st_ino
        image = self._images.setdefault(number, bytearray())
        for start, end in self._dirty.pop(number, []):
            start -= start % SECTOR
            _lay(image, os.pread(file, end - start, start), start)


def _lay(image: bytearray, content: bytes, offset: int) -> None:
    if len(image) < offset:
        image.extend(bytes(offset - len(image)))
    image[offset : offset + len(content)] = content
