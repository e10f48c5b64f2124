"""Ctrl-C, SIGTERM and SIGHUP for work that goes on in child processes.

A notebook's kernel runs in a session of its own and hears nothing of a Ctrl-C in the terminal or of
a signal that a batch system sends. Here the signal is passed on, gently first, so that the kernel
has the time to end its cluster and the notebook is saved.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from types import FrameType
from typing import TypeVar

import psutil

from workbench.errors import Interrupted

logger = logging.getLogger("workbench.notebooks")

T = TypeVar("T")

_PATIENCE_S = 10.0  # before the next, less gentle signal; batch systems kill after 30 s
_SENT = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)  # to the children, one after the other


def interruptible(work: Callable[[], T], whole: Callable[[T], bool] = lambda _: True) -> T:
    """Return what `work` returns; on a signal, ask its child processes to end and raise.

    The first signal interrupts the children as Ctrl-C would; each further one, or ten seconds
    without an end, makes it SIGTERM and then SIGKILL. `work` runs in a thread: signals reach the
    main one only. Outside the main thread signals are somebody else's, and `work` is just called.

    Parameters
    ----------
    whole
        Whether what `work` returned is all of it, where a signal may end it without an error.

    Raises
    ------
    Interrupted
        If a signal came before `work` had ended well.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    watched = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {number: signal.getsignal(number) for number in watched}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # nohup ignores SIGHUP, and means it
            signal.signal(number, note)
    try:
        with ThreadPoolExecutor(1) as thread:
            future = thread.submit(work)
            sent, last = 0, 0.0
            while not wait([future], timeout=0.2).done:
                due = sent < len(received) or (sent and time.monotonic() - last > _PATIENCE_S)
                if due and sent < len(_SENT):
                    logger.warning("stopping on %s", signal.Signals(received[-1]).name)
                    _tell_children(_SENT[sent])
                    sent, last = sent + 1, time.monotonic()
            if received and (future.exception() is not None or not whole(future.result())):
                name = signal.Signals(received[0]).name
                raise Interrupted(f"stopped by {name}") from future.exception()
            return future.result()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell_children(number: signal.Signals) -> None:
    for child in psutil.Process().children():
        try:
            child.send_signal(number)
        except psutil.NoSuchProcess:
            continue
