"""Where Chromium is, and how it gets there: `python -m tests.browser.chromium`, which `make chromium` runs.

Playwright drives the system's Chromium; it is a package of the system, so only root can install it.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""No sandbox: it cannot be had as root in a container, and only our own pages are opened."""
_INSTALL = (
    ("apt-get", "update", "-qq"),
    ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"),
)


def found() -> str:
    """Return the path of the browser; empty when there is none."""
    named = os.environ.get("OPENBOURSE_CHROMIUM", "")
    return named or next((path for name in NAMES if (path := shutil.which(name))), "")


def why_not() -> str:
    """Say why the browser cannot be installed from here; empty when it can."""
    if not shutil.which("apt-get"):
        return (
            "no Chromium, and no apt-get to install it with: set OPENBOURSE_CHROMIUM to a browser"
        )
    if os.geteuid() != 0:
        return "no Chromium, and only root can install it: apt-get install chromium"
    return ""


def main() -> int:
    """Install the browser when it is missing and that is possible; tests say why it is not there."""
    if found():
        return 0
    if reason := why_not():
        print(f"browser tests will be skipped: {reason}")
        return 0
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in _INSTALL:
        done = subprocess.run(
            command, env=quiet, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode:
            print(done.stdout.decode(errors="replace")[-2000:])
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
