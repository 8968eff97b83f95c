"""Gunicorn's settings for the REST door, made from ours.

`python -m ingress` reads this; so does `gunicorn -c conf/gunicorn.py 'ingress.__main__:application()'`.
"""

from conf.settings import load
from runtime.ports import written

_settings = load()

bind = written(_settings.rest.host, _settings.rest.port)
workers = _settings.rest.workers
worker_class = "ingress.worker.Worker"
wsgi_app = "ingress.__main__:application()"
proc_name = "openbourse ingress"

backlog = 2048
# Client libraries keep connections open between requests; closing one just as it is used again
# looks like a failure to them, so idle ones live longer than the pause of a slow bot.
keepalive = 75
# A worker whose event loop stands still for so long is killed and started again.
timeout = 30
graceful_timeout = 12
# The heartbeat file of a worker: in memory, where a slow disk cannot make a worker look dead.
worker_tmp_dir = "/dev/shm"  # noqa: S108
# Sockets, shared memory and database are opened after the fork, by each worker.
preload_app = False
control_socket_disable = True

accesslog = None
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "runtime.log.LineFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "gunicorn.error": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "gunicorn.access": {"handlers": [], "level": "CRITICAL", "propagate": False},
    },
}
