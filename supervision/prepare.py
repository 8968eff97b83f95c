"""Make the embedded database's directory: `python -m supervision.prepare`, before PostgreSQL starts.

Seconds the first time, next to nothing afterwards. A program of the table that runs once, so that
it runs beside the kernel's warm-up and a signal stops it like everything else.
"""

import sys

from conf.settings import load
from runtime import endpoints, log
from runtime.postgres import EmbeddedPostgres, NoPostgres
from runtime.service import BAD_CONFIGURATION, STOPPED


def main() -> int:
    """Prepare the directory; the exit status."""
    settings = load()
    logger = log.open_log("supervisor", settings.supervision.log_level)
    run = endpoints.run_dir(settings.data_dir)
    try:
        EmbeddedPostgres(settings.data_dir, run, settings.database.bin_dir).prepare()
    except NoPostgres as error:
        logger.critical("%s", error)
        return BAD_CONFIGURATION
    return STOPPED


if __name__ == "__main__":
    sys.exit(main())
