"""One log stream, one line per fact: time, process, level, what happened, `key=value` facts."""

import logging
import sys
from datetime import UTC, datetime


class LineFormatter(logging.Formatter):
    """`2026-01-02T03:04:05.678Z matcher INFO recovered seq=17 seconds=0.42`."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record as one line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = f"{at.replace('+00:00', 'Z')} {record.name} {record.levelname} {record.getMessage()}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def open_log(process: str, level: str = "INFO") -> logging.Logger:
    """Set up the log of this process on standard error and return it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    return logging.getLogger(process)


def facts(**named: object) -> str:
    """Write facts as `key=value`; values with blanks are quoted."""
    return " ".join(f"{key}={_value(value)}" for key, value in named.items())


def _value(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return f'"{text}"' if " " in text or not text else text
