"""Programs of the system that tests drive: `python -m tests.programs [NAME...]`, which `make programs` runs.

They are packages of the system, not of Python, so only root can install them; where that is not possible,
the tests that need one say why they are skipped.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

_SEARCHED = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
"""Servers lie where only root's path leads."""


@dataclass(frozen=True)
class Program:
    """A program by the names it may have, and the packages that bring it.

    `setting`: an environment variable that names it where it lies elsewhere.
    """

    names: tuple[str, ...]
    packages: tuple[str, ...]
    setting: str = ""

    def found(self) -> str:
        """Return its path; empty when there is none."""
        named = os.environ.get(self.setting, "") if self.setting else ""
        return named or next(
            filter(None, (shutil.which(one, path=_SEARCHED) for one in self.names)), ""
        )

    def why_not(self) -> str:
        """Say why it cannot be installed from here; empty when it can."""
        missing, words = f"no {self.names[0]}", " ".join(self.packages)
        if not shutil.which("apt-get"):
            elsewhere = f": set {self.setting} to one" if self.setting else ""
            return f"{missing}, and no apt-get to install it with{elsewhere}"
        if os.geteuid() != 0:
            return f"{missing}, and only root can install it: apt-get install {words}"
        return ""

    def why_missing(self) -> str:
        """Say to a person whose test needs it what to do."""
        return self.why_not() or f"no {self.names[0]}: `make programs` installs it"


CHROMIUM = Program(
    ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome"),
    ("chromium", "fonts-dejavu-core"),
    "OPENBOURSE_CHROMIUM",
)
"""Playwright drives the system's Chromium."""
NGINX = Program(("nginx",), ("nginx-light",))
SUPERVISORD = Program(("supervisord",), ("supervisor",))
PROGRAMS = {"chromium": CHROMIUM, "nginx": NGINX, "supervisord": SUPERVISORD}


def main(names: list[str]) -> int:
    """Install what is missing of these (of all) as far as possible; the exit status."""
    missing = [one for one in (PROGRAMS[name] for name in names or PROGRAMS) if not one.found()]
    for one in missing:
        if reason := one.why_not():
            print(f"tests will be skipped: {reason}")
    packages = [package for one in missing if not one.why_not() for package in one.packages]
    return _install(packages) if packages else 0


def _install(packages: list[str]) -> int:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ("apt-get", "update", "-qq"),
        ("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages),
    ):
        done = subprocess.run(
            command, env=quiet, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode:
            print(done.stdout.decode(errors="replace")[-2000:])
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
