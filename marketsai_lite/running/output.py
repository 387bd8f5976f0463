"""Standard output that can print any character, whatever the locale."""

import io
import sys


def print_anything() -> None:
    r"""Let standard output write a character that its encoding lacks as its number, ``\u03b4``.

    Greek letters and dashes then do not end a program whose output goes to a Latin-1 or cp1252
    file or terminal.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
