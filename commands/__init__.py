"""The words of the command line, one file each.

Each file has `add_arguments(parser)` and `run(args) -> int`, the exit status: 0 only when the thing
asked for happened. `supervisor.py` imports a file when its word is typed, takes `--config` and
`--data-dir` itself and puts them into the environment, so that `conf.settings.load()` finds them;
it turns `Refused`, `WrongSetting` and `BadConfiguration` into one line and exit status 1.
"""


class Refused(Exception):
    """What was asked for cannot be done; the message says what was found and what to do."""
