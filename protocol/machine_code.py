"""Where machine code that is made of this project's own sources is kept on disk.

Numba looks only at the file that holds a compiled function: it does not notice an edited callee or constant in
another file and would run the old code. So a directory's name holds a digest of all sources that end up in it.
"""

import hashlib
import os
import pathlib
import tempfile
from collections.abc import Iterable

ROOT = pathlib.Path(__file__).parents[1]


def source_digest(folders: Iterable[str], *, checked: bool) -> str:
    """Digest the sources in `folders` (below the project), and whether the code checks its indexes."""
    digest = hashlib.sha256(f"checked={checked}".encode())
    for folder in folders:
        for path in sorted((ROOT / folder).glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def code_directory(name: str, folders: Iterable[str], *, checked: bool) -> pathlib.Path:
    """Say where the machine code called `name`, made of the sources in `folders`, is kept.

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
    return place / f"{name}-{source_digest(folders, checked=checked)}"
