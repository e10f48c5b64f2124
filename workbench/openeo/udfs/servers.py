"""The processes that run the code of users: started, asked, kept for the next block, ended."""

from __future__ import annotations

import atexit
import json
import logging
import os
import secrets
import select
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from workbench.openeo.udfs.confining import Settings
from workbench.openeo.udfs.exchange import NotAnswered, Outcome, get, put
from workbench.openeo.udfs.watching import Limits, excess, usage

__all__ = ["Server", "close_servers", "given_back", "taken"]

CONFINING = Path(__file__).with_name("confining.py")
SERVING = Path(__file__).with_name("serving.py")

START = 120.0
"""Seconds for libraries to be loaded from a slow disk."""
BETWEEN = 0.2
"""Seconds between two looks at what is used."""
IDLE = 120.0
"""Seconds that a process waits for the next block."""
SHOWN = 1 << 16
"""Bytes of printed text that are kept."""

_ACCOUNTS = (61_184, 4_336)
"""First user id and number of those that systemd gives for a while, which nobody has."""

_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime")
_MACHINE = ("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu")

logger = logging.getLogger(__name__)


class Server:
    """One process, with an empty folder of its own, that answers one question at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._folder = Path(tempfile.mkdtemp(prefix="udf-"))
        self._open: list[int] = []
        self.idle_since = monotonic()
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        work, self._exchange = self._folder / "work", self._folder / "exchange"
        work.mkdir(mode=0o700)
        self._exchange.mkdir(mode=0o700)
        printed = self._folder / "printed"
        self._printed = os.open(printed, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._open.append(self._printed)
        printed.unlink()
        self._answers, given = os.pipe()
        ends, lifeline = os.pipe()
        self._open += [self._answers, lifeline]
        settings = _settings(work, self._exchange, (given, ends), self._limits)
        command = [sys.executable, "-I", "-S", str(CONFINING), json.dumps(settings)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=self._printed,
                stderr=self._printed,
                env=_environment(work),
                cwd=work,
                pass_fds=(given, ends),
                start_new_session=True,
            )
        finally:
            os.close(given)
            os.close(ends)
        self._rest = b""
        try:
            hello = self._answer(START, None)
        except NotAnswered as error:
            raise NotAnswered(f"{error} {self.printed()[-500:]}") from None
        self.closed: dict[str, bool] = hello.get("closed", {})
        """What the kernel has closed to the code: ``files``, ``network``, ``processes``."""

    @property
    def runs(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, code: str, data: Any, context: Any, **more: Any) -> Outcome:
        """Run code on data.

        Parameters
        ----------
        code, data, context, **more
            As for `exchange.put`.

        Raises
        ------
        NotAnswered
            If the code fails or uses too much; the process is ended in the second case.
        """
        name = secrets.token_hex(16)
        os.ftruncate(self._printed, 0)
        put(self._exchange, name, code, data, context, **more)
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(f"{name}\n".encode())
            stdin.flush()
            self._answer(self._limits.seconds, name)
            return Outcome(get(self._exchange, name, self._limits.answer), self.printed())
        except (NotAnswered, BrokenPipeError) as error:
            words = self.printed()
            raise NotAnswered(f"{error}", words) from None

    def printed(self) -> str:
        """Return what the code has printed, the end of it where it is much."""
        size = os.fstat(self._printed).st_size
        found = os.pread(self._printed, SHOWN, max(0, size - SHOWN)).decode("utf-8", "replace")
        return found if size <= SHOWN else f"... ({size:,} bytes)\n{found}"

    def close(self) -> None:
        """End it with all that it has started, and remove its folder."""
        process = getattr(self, "_process", None)
        if process is not None:
            self._kill()
            if process.stdin is not None:
                with suppress(OSError):
                    process.stdin.close()
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answer(self, seconds: float, name: str | None) -> dict[str, Any]:
        """Wait for a line of the answers, and look now and then at what is used."""
        begin, start = monotonic(), usage(self._process.pid, self._limits)
        folder = self._folder if name is not None else None
        while (line := self._line()) is None:
            limits, printed = self._limits, os.fstat(self._printed).st_size
            now = usage(self._process.pid, limits, folder, printed)
            waited = monotonic() - begin
            reason = excess(now, start, waited, limits) if name is not None else None
            if name is None and waited > seconds:
                reason = f"Python did not start within {seconds:g} s"
            if reason is not None:
                self._kill()
                raise NotAnswered(reason)
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict) or (name is not None and found.get("answered") != name):
            self._kill()
            raise NotAnswered("it wrote something else in the place of an answer")
        return found

    def _line(self) -> bytes | None:
        """Return a line of the answers, None if none has come yet.

        Raises
        ------
        NotAnswered
            If the process has ended.
        """
        if b"\n" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], BETWEEN)
            if not ready:
                return None
            more = os.read(self._answers, 1 << 16)
            if not more:
                code = self._process.wait()
                raise NotAnswered(f"its process ended ({_ending(code)})")
            self._rest += more
            if len(self._rest) > 1 << 20:
                raise NotAnswered("it wrote something else in the place of an answer")
        line, newline, rest = self._rest.partition(b"\n")
        if not newline:
            return None
        self._rest = rest
        return line

    def _kill(self) -> None:
        """End the processes; what was printed can still be read."""
        import psutil

        if self._process.poll() is not None:
            return  # all have ended with the first, and its number may be another's by now
        family: list[Any] = []
        with suppress(psutil.Error):
            family = psutil.Process(self._process.pid).children(recursive=True)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for process in family:  # those in sessions of their own
            with suppress(psutil.Error):
                process.kill()
        self._process.wait()


def _ending(code: int) -> str:
    """Say how a process ended; 128 and more are the signal of the one that served."""
    number = -code if code < 0 else code - 128
    if code < 0 or code > 128:
        with suppress(ValueError):
            return signal.Signals(number).name
    return f"exit code {code}"


def _environment(work: Path) -> dict[str, str]:
    """Return all that the code sees of the environment: nothing of the server's."""
    one_thread = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(work),
        "TMPDIR": str(work),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        **dict.fromkeys(one_thread, "1"),
    }


def _settings(work: Path, exchange: Path, pipes: tuple[int, int], limits: Limits) -> Settings:
    """Return what the process is told; it reads Python's own folders and no other."""
    packages = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    own = [
        sys.prefix,
        sys.base_prefix,
        *sysconfig.get_paths().values(),
        *packages,
        str(SERVING),
        str(Path(sys.executable).resolve()),
    ]
    return {
        "python": sys.executable,
        "serve": str(SERVING),
        "packages": [*packages, *site.getsitepackages()],
        "readable": list(dict.fromkeys([*own, *_SYSTEM, *_MACHINE])),
        "writable": [str(work), str(exchange)],
        "memory": limits.memory,
        "file": limits.answer,
        "processes": limits.processes,
        "account": _ACCOUNTS[0] + secrets.randbelow(_ACCOUNTS[1]),
        "answers": pipes[0],
        "lifeline": pipes[1],
    }


Key = tuple[str, str, Limits]
"""Whose, what code, under which limits: no other is run in the same process."""

_idle: dict[Key, list[Server]] = {}
_lock = threading.Lock()


def taken(key: Key) -> Server:
    """Return a process that waits for more of this, or a new one."""
    while True:
        with _lock:
            waiting = _idle.get(key)
            server = waiting.pop() if waiting else None
        if server is None:
            return Server(key[2])
        if server.runs:
            return server
        server.close()


def given_back(key: Key, server: Server) -> None:
    """Let a process wait for the next block; one that nobody takes is ended after a while."""
    if not server.runs:
        server.close()
        return
    server.idle_since = monotonic()
    with _lock:
        _idle.setdefault(key, []).append(server)
    timer = threading.Timer(IDLE + 1, _close_idle, [IDLE])
    timer.daemon = True
    timer.start()


def close_servers(owner: str | None = None) -> None:
    """End the processes that wait, those of one owner or all."""
    _close_idle(-1.0, owner)


def _close_idle(seconds: float, owner: str | None = None) -> None:
    """End the processes that have waited for so long."""
    now = monotonic()
    with _lock:
        found = []
        for key, waiting in list(_idle.items()):
            if owner is not None and key[0] != owner:
                continue
            left = [server for server in waiting if now - server.idle_since <= seconds]
            found += [server for server in waiting if server not in left]
            if left:
                _idle[key] = left
            else:
                del _idle[key]
    for server in found:
        server.close()


atexit.register(close_servers)
