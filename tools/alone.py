"""Let one process at a time use the build folder: ``python -m tools.alone COMMAND ...``.

Two builds that write the cache of executed lectures at the same moment stop each other; with the
lock the second waits, and then finds what the first has executed.
"""

import fcntl
import subprocess
import sys
from contextlib import contextmanager

from marketsai_lite.running.output import print_anything
from tools import book


@contextmanager
def alone(say=print):
    """Hold the lock of the build folder, which ends with the process if not before."""
    folder = book.build_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Another build is at work in {folder}: waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main():
    """Run a command while no other build is at work."""
    print_anything()
    with alone(lambda line: print(line, flush=True)):
        try:
            sys.exit(subprocess.run(sys.argv[1:]).returncode)
        except KeyboardInterrupt:
            sys.exit("\nInterrupted: run it again.")


if __name__ == "__main__":
    main()
