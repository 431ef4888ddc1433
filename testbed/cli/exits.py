"""Exit codes, and the one place that turns an error into a code and a line.

0 pass · 1 failed · 2 usage or bad input · 3 environment · 4 run invalid · 5 internal
130 interrupted
"""

from __future__ import annotations

import errno
from enum import IntEnum

from scheme.errors import BadInputError, EnvironmentFaultError, JakartaOneError, RunInvalidError


class ExitCode(IntEnum):
    """What the shell is told."""

    passed = 0
    failed = 1
    usage = 2
    environment = 3
    invalid = 4
    internal = 5
    interrupted = 130


# What a machine says when it is the machine's fault: disk, ports, descriptors, rights.
MACHINE_ERRNOS = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE,
        errno.ENFILE, errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.ECONNREFUSED, errno.EIO,
        errno.ENOMEM,
    }
)  # fmt: skip

# What the two databases raise when a disk is full or broken; named, since importing them is dear.
DATABASE_FAULTS = frozenset({"IOException", "OutOfMemoryException", "OperationalError"})

VERDICT_EXITS = {
    "PASS": ExitCode.passed,
    "MARGINAL": ExitCode.passed,
    "FAIL": ExitCode.failed,
    "FLAKY": ExitCode.failed,
    "INVALID": ExitCode.invalid,
}


def exit_of_error(error: BaseException) -> ExitCode:
    """Return the code of an error; what is not ours and not the machine's is internal."""
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.interrupted
    if isinstance(error, BadInputError):
        return ExitCode.usage
    if isinstance(error, RunInvalidError):
        return ExitCode.invalid
    if isinstance(error, EnvironmentFaultError):
        return ExitCode.environment
    if isinstance(error, JakartaOneError):
        return ExitCode.failed
    if isinstance(error, OSError) and error.errno in MACHINE_ERRNOS:
        return ExitCode.environment
    if type(error).__name__ in DATABASE_FAULTS:
        return ExitCode.environment
    return ExitCode.internal


def exit_of_verdict(verdict: str) -> ExitCode:
    """Return the code of a verdict; one that is not known could not be judged."""
    return VERDICT_EXITS.get(verdict, ExitCode.invalid)


def error_line(error: BaseException) -> str:
    """Return what is printed on stderr for an error: one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if exit_of_error(error) is ExitCode.internal:
        return f"internal error: {type(error).__name__}: {text}; --debug shows where"
    return text
