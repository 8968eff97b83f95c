"""Wait, with everything loaded, behind the matcher in charge (setting `matcher.spare`).

A spare has imported its libraries, loaded the compiled core and made its empty engine: about a second of
processor time that a start takes. It reads no journal and holds no state, so it costs memory and nothing
else. When the one in charge has died it gets the journal's lock, and does what every start does: snapshot,
rest of the journal, wires. As everywhere only the holder of that lock writes; two can never acknowledge.
"""

import os
import select
import time
from pathlib import Path

from runtime.journal import JournalInUse, JournalLock
from runtime.service import Service

_LOOK_MS = 100
"""How long it takes at most until it is seen that this process shall stop."""
_NAP_S = 0.005


def wait_behind(service: Service, folder: Path) -> JournalLock | None:
    """Wait until nobody writes the journal, and take it; None: told to stop."""
    service.ready(role="spare")
    while not service.stopping:
        try:
            return JournalLock(folder)
        except JournalInUse as in_use:
            _wait_for_end(in_use.holder)
        service.beat(role="spare")
    return None


def _wait_for_end(pid: int) -> None:
    """Wait a little, or until a process ends: the kernel has freed its locks when it says so."""
    try:
        end = os.pidfd_open(pid)
    except OSError:
        # It has just ended, or has not written yet who it is.
        time.sleep(_NAP_S)
        return
    try:
        poll = select.poll()
        poll.register(end, select.POLLIN)
        poll.poll(_LOOK_MS)
    finally:
        os.close(end)
