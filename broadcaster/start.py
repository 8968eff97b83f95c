"""How the processes of this room begin: settings first, then a service with its body."""

import functools
import sys
from collections.abc import Callable

from conf.settings import Settings, WrongSetting, load
from runtime import service
from runtime.service import Service


def start(name: str, body: Callable[[Settings, Service], None]) -> int:
    """Run a process under a name until it is stopped; the result is the exit status."""
    try:
        settings = load()
    except WrongSetting as error:
        sys.stderr.write(f"{error}\n")
        return service.BAD_CONFIGURATION
    level = settings.supervision.log_level
    return service.run(name, settings.data_dir, level, functools.partial(body, settings))
