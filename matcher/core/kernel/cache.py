"""Keep compiled cores on disk, in a directory named after everything that ends up in them.

Numba looks only at the file that holds an entry: it does not notice an edited callee or constant in
another file and would run the old code. So the directory's name is a digest of all sources of the
core and of the records it reads.
"""

import hashlib
import os
import pathlib
import tempfile

ROOT = pathlib.Path(__file__).parents[3]


def source_digest(*, checked: bool) -> str:
    """Digest the sources that a compiled core depends on, and whether it checks indexes."""
    digest = hashlib.sha256(f"checked={checked}".encode())
    for folder in ("protocol", "matcher/core", "matcher/core/kernel"):
        for path in sorted((ROOT / folder).glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def cache_directory(*, checked: bool) -> pathlib.Path:
    """Say where compiled cores are kept.

    $OPENBOURSE_CACHE_DIR when given; else the user's cache directory; else, when that can't be
    written, a directory of this user under the temporary one.
    """
    home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    stated = os.environ.get("OPENBOURSE_CACHE_DIR")
    place = pathlib.Path(stated) if stated else home / "openbourse"
    try:
        place.mkdir(parents=True, exist_ok=True)
        writable = os.access(place, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        place = pathlib.Path(tempfile.gettempdir()) / f"openbourse-{os.getuid()}"
    return place / f"core-{source_digest(checked=checked)}"
