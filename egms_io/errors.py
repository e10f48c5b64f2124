"""What can go wrong with EGMS files and requests: one base, three kinds a caller may catch."""

from __future__ import annotations


class EgmsError(Exception):
    """Base of all errors of this package; the command line prints it as one line."""

    exit_code = 1


class BadArgument(EgmsError, ValueError):
    """The request cannot be carried out as asked: an area, a period or an option is wrong."""

    exit_code = 2


class BadBurst(EgmsError):
    """One input file cannot be used; ``on_error="skip"`` leaves it out and counts it."""


class BadProduct(EgmsError):
    """An L3 file cannot be read, or two of them cannot be compared."""
