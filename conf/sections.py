"""The sections of the settings: every field with its unit, range, default and why."""

from dataclasses import dataclass

from conf.declare import BOTH_DOORS, REST_DOOR, SNAPSHOTS, WATCH, setting
from runtime.forwarded import Proxies


@dataclass(frozen=True)
class Rest:
    """The REST door (ingress)."""

    host: str = setting("127.0.0.1", "nothing listens beyond this machine unless told to")
    port: int = setting(3000, "REST and the terminal", low=0, high=65535)
    proxies: str = setting(
        "",
        "proxies before REST and streams, addresses and networks with commas between them: whom they name in "
        "X-Forwarded-For is the client, for limits and for keys bound to addresses; empty: none",
        check=Proxies,
    )
    workers: int = setting(
        1, "one worker per spare core; a worker is never the limit of the matcher", low=1, high=64
    )
    answer_timeout_s: float = setting(
        10.0, "then the answer is -1007, status unknown", unit="s", low=0.1, high=60, live=REST_DOOR
    )
    history_wait_s: float = setting(
        2.0,
        "how long a read waits for the writer's watermark before 503",
        unit="s",
        low=0,
        high=30,
        live=REST_DOOR,
    )
    max_body_bytes: int = setting(
        65536, "largest request body", unit="bytes", low=1024, high=1 << 24, live=REST_DOOR
    )
    recv_window_ms: int = setting(
        5000, "recvWindow when a request brings none", unit="ms", low=1, high=60000, live=REST_DOOR
    )
    weight_limit: int = setting(
        100_000_000,
        "request weight per address and minute; out of reach as shipped, it is your own exchange",
        low=1,
        high=10**12,
        live=REST_DOOR,
    )
    requests_limit: int = setting(
        100_000_000, "requests per address and 5 minutes", low=1, high=10**12, live=REST_DOOR
    )
    orders_limit_10s: int = setting(
        100_000_000, "new orders per account and 10 seconds", low=1, high=10**12, live=REST_DOOR
    )
    orders_limit_1d: int = setting(
        100_000_000_000, "new orders per account and day", low=1, high=10**12, live=REST_DOOR
    )
    ban_after: int = setting(
        100,
        "an address that was told 429 so often in a minute and asks again is banned (418): 2 minutes, "
        "then twice as long each time, at most 3 days",
        low=1,
        high=10**9,
        live=REST_DOOR,
    )
    limits: str = setting(
        "",
        "where counts are kept; empty: in shared memory, for all workers of this host; "
        "redis://HOST:PORT/DB: for the workers of all hosts, each up to a tenth of a second behind",
    )


@dataclass(frozen=True)
class Ws:
    """The WebSocket door (broadcaster)."""

    host: str = setting("127.0.0.1", "nothing listens beyond this machine unless told to")
    port: int = setting(4000, "market and user streams", low=0, high=65535)
    workers: int = setting(
        1,
        "broadcaster processes that share the port; the limits below are those of each",
        low=1,
        high=64,
    )
    public_url: str = setting(
        "",
        "where browsers reach the streams when a proxy stands before them; empty: ws.port",
        live=BOTH_DOORS,
    )
    send_buffer_bytes: int = setting(
        65536,
        "SO_SNDBUF: small enough that a slow reader is seen",
        unit="bytes",
        low=4096,
        high=1 << 24,
        live=BOTH_DOORS,
    )
    backlog_bytes: int = setting(
        262144,
        "what may wait for one slow reader before its data is conflated",
        unit="bytes",
        low=16384,
        high=1 << 28,
        live=BOTH_DOORS,
    )
    max_streams: int = setting(1024, "streams per connection", low=1, high=10000, live=BOTH_DOORS)
    depth_interval_ms: int = setting(1000, "window of <symbol>@depth", unit="ms", low=1, high=10000)
    ping_interval_s: float = setting(
        20.0, "a ping frame to every connection", unit="s", low=1, high=3600, live=BOTH_DOORS
    )
    pong_timeout_s: float = setting(
        60.0,
        "no pong for so long closes the connection",
        unit="s",
        low=1,
        high=3600,
        live=BOTH_DOORS,
    )
    tick_ms: float = setting(
        2.0,
        "messages of so long leave in one write; the first after a pause leaves at once",
        unit="ms",
        low=0,
        high=100,
        live=BOTH_DOORS,
    )
    slow_reader_s: float = setting(
        10.0,
        "a reader that is behind for so long is disconnected",
        unit="s",
        low=0.1,
        high=600,
        live=BOTH_DOORS,
    )
    messages_limit: int = setting(
        50,
        "frames a client may send in a second, pings and pongs too; the dialect's own limit is 5",
        low=1,
        high=100_000,
        live=BOTH_DOORS,
    )
    max_connections: int = setting(
        10_000,
        "open connections; the next one is answered 503",
        low=1,
        high=1 << 20,
        live=BOTH_DOORS,
    )
    connects_limit: int = setting(
        100_000,
        "connections an address may open in 5 minutes; the dialect's own limit is 300",
        low=1,
        high=10**9,
        live=BOTH_DOORS,
    )
    connection_s: float = setting(
        86400.0, "a connection ends when it is so old", unit="s", low=1, high=10**9, live=BOTH_DOORS
    )


@dataclass(frozen=True)
class Journal:
    """The journal (matcher): the durable truth."""

    sync: str = setting(
        "batch",
        "batch: nothing acknowledged is lost; interval, off: weaker, see docs/operations.md",
        choices=("batch", "interval", "off"),
    )
    interval_ms: int = setting(
        100,
        "with sync = interval: the longest time between two syncs, and what a power cut may lose",
        unit="ms",
        low=1,
        high=10000,
    )
    segment_bytes: int = setting(
        256 << 20,
        "size of a segment; a new one is started when it is full",
        unit="bytes",
        low=1 << 20,
        high=1 << 34,
    )
    snapshot_every_s: float = setting(
        300.0,
        "a snapshot of the state after so long, if anything happened: bounds the time of a recovery",
        unit="s",
        low=1,
        high=86400,
        live=SNAPSHOTS,
    )
    snapshot_every_commands: int = setting(
        5_000_000, "and sooner after so many commands", low=1, high=10**12, live=SNAPSHOTS
    )
    snapshots_kept: int = setting(
        3,
        "the newest so many; an older one is used when a newer one is damaged",
        low=1,
        high=1000,
        live=SNAPSHOTS,
    )
    keep: str = setting(
        "all",
        "all: no segment is ever removed; needed: those go that are older than every kept snapshot "
        "and in the database (at an edge: than every kept snapshot), so the state cannot be proved from the "
        "first command on any more",
        choices=("all", "needed"),
    )
    replicas: int = setting(
        0,
        "1: an answer waits until the standby has confirmed that it has the command, too; 0: it does not",
        low=0,
        high=1,
    )
    alone_after_s: float = setting(
        2.0,
        "with replicas = 1: no receipt for so long, and answers wait for none any more (an alarm, see "
        "docs/reliability.md) until the standby is back; 0: never, without a standby nothing is acknowledged",
        unit="s",
        low=0,
        high=3600,
    )


@dataclass(frozen=True)
class Database:
    """The books of record (writer, and history reads of ingress)."""

    dsn: str = setting("", "empty: the supervisor runs its own PostgreSQL in the data directory")
    bin_dir: str = setting(
        "", "where initdb and postgres are; empty: the wheel's, else the system's"
    )
    key_file: str = setting(
        "",
        "the file with the key that secrets of API keys are sealed with; empty: secrets.key in the data "
        "directory; hosts that share the database share the file",
    )
    batch_limit: int = setting(20_000, "events written in one transaction", low=100, high=1_000_000)
    statement_timeout_s: float = setting(
        60.0, "a statement that takes longer is given up and retried", unit="s", low=1, high=3600
    )


@dataclass(frozen=True)
class Market:
    """The simulated market of the demo."""

    rate: float = setting(
        20.0,
        "what its traders send together while the demo runs; 0: no simulated market",
        unit="orders/s",
        low=0,
        high=10_000,
    )
    seed: int = setting(1, "the same seed, the same market", low=0, high=1 << 31)


@dataclass(frozen=True)
class Office:
    """The operator's door: metrics and administration."""

    host: str = setting("127.0.0.1", "nothing listens beyond this machine unless told to")
    port: int = setting(
        3100,
        "metrics and the admin API; a free port when REST is asked to take a free one",
        low=0,
        high=65535,
    )


@dataclass(frozen=True)
class Supervision:
    """How the supervisor watches."""

    backoff_first_s: float = setting(
        0.2,
        "wait before the restart of a process that died soon; one that had run for healthy_after_s is "
        "started again at once",
        unit="s",
        low=0.01,
        high=60,
        live=WATCH,
    )
    backoff_limit_s: float = setting(
        10.0, "longest wait between restarts", unit="s", low=0.1, high=600, live=WATCH
    )
    healthy_after_s: float = setting(
        10.0,
        "a process that ran so long starts its backoff anew",
        unit="s",
        low=0.1,
        high=600,
        live=WATCH,
    )
    ready_timeout_s: float = setting(
        120.0,
        "a process that is not ready by then is started again",
        unit="s",
        low=1,
        high=3600,
        live=WATCH,
    )
    start_tries: int = setting(
        5,
        "a process that dies so often before the exchange has been up once ends the start",
        low=1,
        high=1000,
        live=WATCH,
    )
    silence_limit_s: float = setting(
        20.0,
        "a ready process that has said nothing for so long is stuck: killed and started again; the "
        "writer, which waits in statements, and the snapshotter have longer",
        unit="s",
        low=2,
        high=3600,
        live=WATCH,
    )
    stopped_limit_s: float = setting(
        5.0,
        "a process that a signal has stopped (SIGSTOP) for so long is killed and started again",
        unit="s",
        low=0.1,
        high=3600,
        live=WATCH,
    )
    stop_timeout_s: float = setting(
        15.0, "then a process that does not stop is killed", unit="s", low=1, high=600, live=WATCH
    )
    log_level: str = setting(
        "INFO", "how much the log says", choices=("DEBUG", "INFO", "WARNING", "ERROR")
    )
