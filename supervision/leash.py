"""Run a program that is told to end when its parent dies: `leash.py PARENT SIGNAL PROGRAM ARGS…`.

A file of its own, run by path, so that it starts in a few milliseconds and imports nothing of the
project. It becomes the program (exec): the pid stays. Only Linux can send a signal at a parent's death;
elsewhere the next `openbourse up` finds what was left and stops it.
"""

import os
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, signal_number: int, program: list[str]) -> None:
    """Tie this process to `parent` and become `program`."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal_number)
    # The parent may have died before the tie was made.
    if os.getppid() != parent:
        sys.exit(0)
    try:
        os.execvp(program[0], program)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.exit(f"cannot start {program[0]}: {error}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
