"""Bits that flip on the disk: found by who reads them, or without any effect."""

from pathlib import Path
from random import Random

from runtime.replay import JournalReader
from runtime.segments import CorruptJournal, segments_in


def flip_in_journal(rng: Random, folder: Path) -> None:
    """Flip a bit, read everything, and mend it.

    The reader must name the file. Only a bit in the last segment behind all batches may pass, for
    there it looks like the rest of a batch that was never finished.
    """
    paths = segments_in(folder)
    if not paths:
        return
    path = rng.choice(paths)
    content = path.read_bytes()
    # Most of a segment is room for later: a bit there must not matter.
    used = len(content.rstrip(b"\0")) if rng.random() < 0.9 else len(content)
    if not used:
        return
    before = _read(folder)
    place, bit = rng.randrange(used), 1 << rng.randrange(8)
    _change(path, place, content[place] ^ bit)
    what = f"bit {bit} of byte {place} of {path}"
    found, refusal = _read_or_refuse(folder)
    if refusal:
        assert refusal.path == path, f"{what}: {refusal}"
        assert "backup" in str(refusal), refusal
    else:
        assert found == before, f"{what} was not noticed"
    _change(path, place, content[place])


def flip_in_snapshot(rng: Random, path: Path) -> None:
    """Flip a bit, and leave it so."""
    content = path.read_bytes()
    place = rng.randrange(len(content))
    _change(path, place, content[place] ^ 1 << rng.randrange(8))


def _read_or_refuse(folder: Path) -> tuple[bytes, CorruptJournal | None]:
    try:
        return _read(folder), None
    except CorruptJournal as error:
        return b"", error


def _read(folder: Path) -> bytes:
    return b"".join(rows.tobytes() for rows in JournalReader(folder).read())


def _change(path: Path, place: int, value: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(bytes([value]))
