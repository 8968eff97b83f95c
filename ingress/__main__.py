"""Run the REST door: gunicorn with our worker, configured by `conf/gunicorn.py`."""

import sys
from typing import Any

from gunicorn.app.base import Application

from conf import settings as configuration
from ingress.life import Life
from runtime import log
from runtime.service import BAD_CONFIGURATION
from runtime.vault import NoKey, Vault, key_file


class Ingress(Application):  # type: ignore[misc]
    """Gunicorn's application object: where its settings are and what each worker loads."""

    def init(self, parser: Any, opts: Any, args: Any) -> None:
        """Take no settings from the command line."""

    def load_config(self) -> None:
        """Read `conf/gunicorn.py`, and nothing else."""
        self.load_config_from_module_name_or_filename("python:conf.gunicorn")

    def load(self) -> Life:
        """Make the application of one worker, in the worker."""
        return application()


def application() -> Life:
    """Make the application: `gunicorn -c conf/gunicorn.py 'ingress.__main__:application()'`."""
    return Life(configuration.load())


def main() -> int:
    """Run until stopped; the exit status."""
    try:
        settings = configuration.load()
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        Vault(key_file(settings.data_dir, settings.database.key_file))
    except (configuration.WrongSetting, NoKey) as error:
        log.open_log("ingress").critical("bad configuration: %s", error)
        return BAD_CONFIGURATION
    Ingress("python -m ingress").run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
