"""Run as a script: give up all rights but to compute, then become the process that serves.

``python -I -S confining.py SETTINGS``, with JSON of `Settings`. It imports nothing of this package
and nothing that starts threads, as the kernel gives namespaces to single threads only. What could
not be closed is told to `serving`, which tells it on.

Sources: landlock(7), seccomp(2), unshare(2), capabilities(7), prctl(2).
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import select
import shutil
import signal
import struct
import sys
from contextlib import suppress
from typing import Any, NoReturn, TypedDict

NEW_IPC, NEW_USER, NEW_PID, NEW_NET = 0x08000000, 0x10000000, 0x20000000, 0x40000000  # unshare(2)

SET_DEATH_SIGNAL, SET_SECCOMP, DROP_BOUNDING, SET_NO_NEW_PRIVILEGES, AMBIENT = 1, 22, 24, 38, 47
ADOPT_ORPHANS = 36
AMBIENT_CLEAR_ALL = 4

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # system calls, the same on all machines
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
TRUNCATE = 1 << 14
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE

# System calls that are refused, by machine: AUDIT_ARCH_..., then socket, io_uring_setup, setuid,
# setreuid and setresuid; and those that give memory which belongs to no process, so that nobody
# would count it: shmget, msgget, memfd_create and memfd_secret.
REFUSED = {
    "x86_64": (0xC000003E, 41, 425, 105, 113, 117, 29, 68, 319, 447),
    "aarch64": (0xC00000B7, 198, 425, 146, 145, 147, 194, 186, 279, 447),
}

libc = ctypes.CDLL(None, use_errno=True)


class Settings(TypedDict):
    """What the process is told; paths are absolute."""

    python: str
    serve: str
    """The script that it becomes."""
    packages: list[str]
    """Folders that the script imports from."""
    readable: list[str]
    writable: list[str]
    memory: int
    """Bytes of one process."""
    file: int
    """Bytes of one file."""
    processes: int
    account: int
    """User id under which processes are counted where this is root, who may have any number."""
    answers: int
    """Descriptor that answers go to."""
    lifeline: int
    """Descriptor that ends when the server does."""


def main(settings: Settings) -> NoReturn:
    """Close what can be closed, and become the process that serves."""
    alone = own_namespaces()
    go_on_as_child(settings["lifeline"])
    if alone:  # in a namespace of processes the first is this one: all end with it
        go_on_as_child(None)
    counted = own_account(settings["account"]) if os.getuid() == 0 else alone
    set_limits(settings, counted)
    libc.prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    files = close_files(settings["readable"], settings["writable"])
    drop_capabilities()
    network = refuse_sockets() or alone
    os.chdir(settings["writable"][0])
    told = {
        "closed": {"files": files, "network": network, "processes": alone},
        "packages": settings["packages"],
        "exchange": settings["writable"][1],
        "answers": settings["answers"],
    }
    os.execv(settings["python"], [settings["python"], "-I", settings["serve"], json.dumps(told)])


def own_namespaces() -> bool:
    """Leave the network and the processes of this machine; tell whether the kernel allows it."""
    user, group = os.getuid(), os.getgid()
    flags = NEW_NET | NEW_IPC | NEW_PID
    if user == 0 and libc.unshare(flags) == 0:  # root of a container may not be allowed to
        return True
    if libc.unshare(flags | NEW_USER) != 0:
        return False
    with suppress(OSError):
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"{user} {user} 1")
        write("/proc/self/gid_map", f"{group} {group} 1")
    return True


def write(path: str, text: str) -> None:
    """Write into a file of the kernel."""
    with open(path, "w") as file:  # noqa: PTH123  (pathlib is not imported here)
        file.write(text)


def go_on_as_child(lifeline: int | None) -> None:
    """Go on as a child that is killed with its parent; the parent waits, and ends as it does.

    Parameters
    ----------
    lifeline
        Descriptor that says that the server is gone when it is closed: then all are killed.
    """
    libc.prctl(ADOPT_ORPHANS, 1, 0, 0, 0)  # so that all that the code starts is found below it
    child = os.fork()
    if child == 0:
        libc.prctl(SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if lifeline is not None:
            os.close(lifeline)
        return
    os.close(0)
    if lifeline is not None:
        watch(child, lifeline)
    while True:
        ended, status = os.wait()  # it gets all orphans
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            end_orphans()
            os._exit(code if code >= 0 else 128 - code)


def end_orphans() -> None:
    """Kill what the code has left; in a namespace the kernel does that as well."""
    own = f"/proc/self/task/{os.getpid()}/children"
    with suppress(OSError):
        while left := read(own).split():
            for orphan in map(int, left):
                os.kill(orphan, signal.SIGKILL)
            os.wait()


def read(path: str) -> str:
    """Read a file of the kernel."""
    with open(path) as file:  # noqa: PTH123
        return file.read()


def watch(child: int, lifeline: int) -> None:
    """Wait until a child has ended; if a pipe ends before, kill this session, remove its folder.

    No thread can do this: the kernel gives none to a process that has left a namespace.
    """
    ends = os.pidfd_open(child)
    ready, _, _ = select.select([ends, lifeline], [], [])
    if ends not in ready:
        os.kill(child, signal.SIGKILL)
        shutil.rmtree(os.path.dirname(os.getcwd()), ignore_errors=True)  # noqa: PTH109, PTH120
        os.killpg(0, signal.SIGKILL)
    os.close(ends)


def own_account(account: int) -> bool:
    """Let root be counted as another user, with the files of root; tell whether that is allowed."""
    try:
        os.setresuid(account, 0, 0)
    except OSError:
        return False
    return True


def set_limits(settings: Settings, counted: bool) -> None:
    """Limit what one process may use; and their number, where others of the user do not count."""
    limits = {
        resource.RLIMIT_DATA: settings["memory"],
        resource.RLIMIT_FSIZE: settings["file"],
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 256,
    }
    if counted:
        limits[resource.RLIMIT_NPROC] = settings["processes"]
    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that is too large is an error in Python


def close_files(readable: list[str], writable: list[str]) -> bool:
    """Close all files but these, for good; tell whether the kernel can (landlock(7))."""
    version = libc.syscall(CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    known = (1 << (13, 14, 15, 15, 16)[min(version, 5) - 1]) - 1
    network = 3 if version >= 4 else 0  # to bind and to connect, TCP
    scoped = 3 if version >= 6 else 0  # abstract sockets, signals
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = struct.pack("QQQ", known, network, scoped)[:size]
    ruleset = libc.syscall(CREATE_RULESET, rules, size, 0)
    if ruleset < 0:
        return False
    for path in readable:
        allow(ruleset, path, (EXECUTE | READ_FILE | READ_DIR) & known)
    for path in ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"):
        allow(ruleset, path, (READ_FILE | WRITE_FILE) & known)
    for path in writable:
        allow(ruleset, path, known & ~EXECUTE)
    done: bool = libc.syscall(RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return done


def allow(ruleset: int, path: str, access: int) -> None:
    """Allow access to a file, or to all below a folder; what is not there stays closed."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not os.path.isdir(path):  # noqa: PTH112
        access &= OF_FILES
    libc.syscall(ADD_RULE, ruleset, 1, struct.pack("=Qi", access, place), 0)
    os.close(place)


def drop_capabilities() -> None:
    """Give up what the administrator may do, also after the next program has started."""
    libc.prctl(AMBIENT, AMBIENT_CLEAR_ALL, 0, 0, 0)
    for capability in range(64):
        libc.prctl(DROP_BOUNDING, capability, 0, 0, 0)
    header = struct.pack("=Ii", 0x20080522, 0)  # version 3, this process
    libc.capset(header, struct.pack("=6I", 0, 0, 0, 0, 0, 0))


def refuse_sockets() -> bool:
    """Let the kernel refuse to make sockets, and memory of nobody; tell if it does (seccomp(2))."""
    if platform.machine() not in REFUSED or sys.maxsize < 2**32:
        return False
    machine, *calls = REFUSED[platform.machine()]
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    tests = [(at_least, 0x40000000), *((equal, call) for call in calls)]  # x32 has other numbers
    lines: list[tuple[int, int, int, int]] = [
        (load, 0, 0, 4),
        (equal, 0, len(tests) + 2, machine),
        (load, 0, 0, 0),
        *((code, len(tests) - n, 0, value) for n, (code, value) in enumerate(tests)),
        (give, 0, 0, 0x7FFF0000),  # allowed
        (give, 0, 0, 0x00050001),  # not permitted
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    filter_ = struct.pack("HxxxxxxP", len(lines), ctypes.addressof(program))
    done: bool = libc.prctl(SET_SECCOMP, 2, filter_, 0, 0) == 0
    return done


if __name__ == "__main__":
    given: Any = json.loads(sys.argv[1])
    main(given)
