"""Keep compiled cores on disk, by the sources of the core and of the records it reads."""

import pathlib

from protocol import machine_code

_FOLDERS = ("protocol", "matcher/core", "matcher/core/kernel")


def source_digest(*, checked: bool) -> str:
    """Digest the sources that a compiled core depends on, and whether it checks indexes."""
    return machine_code.source_digest(_FOLDERS, checked=checked)


def cache_directory(*, checked: bool) -> pathlib.Path:
    """Say where compiled cores are kept."""
    return machine_code.code_directory("core", _FOLDERS, checked=checked)
