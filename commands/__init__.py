"""The words of the command line, one file each.

Each file has `add_arguments(parser)` and `run(args) -> int`, the exit status: 0 only when the thing
asked for happened. `supervisor.py` imports a file when its word is typed, takes `--config` and
`--data-dir` itself and puts them into the environment, so that `conf.settings.load()` finds them;
it turns `Refused`, `WrongSetting` and `BadConfiguration` into one line and exit status 1.
"""

WORDS = {
    "account": "create, fund, freeze and list accounts and their API keys",
    "instrument": "add instruments, change their terms",
    "phase": "start a session phase of an instrument",
    "halt": "halt an instrument",
    "resume": "take a halted instrument back to trading, through a call",
    "cancel-all": "cancel the open orders of an account",
    "journal": "verify, dump or digest the journal",
    "fee-tier": "which share of the fees the accounts of a tier pay",
    "kill-switch": "halt every instrument and cancel every order, at once",
    "admin-key": "who may use the admin API",
    "keys": "the keys of this host, and of those that may take its market over the wire",
    "audit": "who did what to the exchange, and when",
    "backup": "copy the whole exchange to a directory, also while it runs",
    "restore": "make an exchange of a backup, in an empty data directory",
    "restart": "start running processes again, without a request that fails",
    "reload": "take changed settings that can change while the exchange runs",
    "lease": "which of two hosts is in charge, and let this one be it",
    "trace": "one order's life, with the time of each stage",
    "replay": "play a recorded order flow through the core or the running exchange",
    "simulate": "simulated traders that keep the market alive; or a recorded flow, live",
    "vectors": "conformance vectors against the reference and the compiled core",
    "bench": "measure the exchange beside its yardsticks",
}
"""Every word but up, down and status, with its line of help; `cancel-all` is in `cancel_all.py`."""


class Refused(Exception):
    """What was asked for cannot be done; the message says what was found and what to do."""
