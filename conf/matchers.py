"""The settings of the matcher and of those who wait behind it."""

from dataclasses import dataclass

from conf.declare import setting


@dataclass(frozen=True)
class Matcher:
    """The matcher, and a second one that takes over when it dies."""

    spare: bool = setting(
        True,
        "without a standby: one more matcher process is kept that has loaded the core and waits, so that a killed "
        "one is replaced without the second of processor time that a start takes; 84 MiB of memory and no "
        "processor time; not used with matcher.standby or matcher.peer",
    )
    standby: bool = setting(
        False,
        "a second matcher follows the journal and takes over within a second; it costs the memory of "
        "the core and a part of a processor core once more",
    )
    silence_s: float = setting(
        2.0,
        "with a standby: a matcher whose loop has stood still for so long is ended and replaced",
        unit="s",
        low=0.2,
        high=60,
    )
    peer: str = setting(
        "",
        "tcp://HOST:PORT: what the matcher of the other host offers; the two share the database, whose lease "
        "says who is in charge, and the other follows; empty: this host is alone, see docs/hosts.md",
    )
    offer: str = setting(
        "",
        "with a peer: tcp://ADDRESS:PORT of this host, where the other one comes for the journal",
    )
    wire_key_file: str = setting(
        "",
        "with a peer: a file with 64 hex digits, the same on both hosts; the wire between them is encrypted "
        "with it and nobody else can connect; empty: it is open, for a network of their own",
    )
