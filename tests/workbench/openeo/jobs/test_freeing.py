"""Looking after workers when many jobs end."""

from __future__ import annotations

import threading

from workbench.openeo.jobs import freeing
from workbench.openeo.jobs.freeing import Freeing


class Cluster:
    """A client that lets each look be followed."""

    def __init__(self):
        self.looks, self.go_on = 0, threading.Semaphore(0)
        self.restarted = []

    def run(self, function, on_error):
        self.looks += 1
        self.go_on.acquire()
        return {"a": True, "b": False}

    def restart_workers(self, stuck, raise_for_error):
        self.restarted += stuck


def test_many_ends_are_one_look_and_one_more_for_those_that_come_meanwhile(monkeypatch, wait_for):
    monkeypatch.setattr(freeing, "GRACE_S", 0.01)
    cluster = Cluster()
    looking, before = Freeing(cluster), threading.active_count()
    looking.soon()
    wait_for(lambda: cluster.looks == 1)
    for _ in range(50):
        looking.soon()
    assert threading.active_count() == before + 1
    cluster.go_on.release(2)
    wait_for(lambda: cluster.restarted == ["a", "a"])
    wait_for(lambda: threading.active_count() == before)
    looking.soon()  # it goes on after it had nothing to do
    cluster.go_on.release()
    wait_for(lambda: cluster.restarted == ["a", "a", "a"])
    looking.close()
    assert cluster.looks == 3


def test_who_closes_does_not_wait_for_the_next_look(monkeypatch):
    monkeypatch.setattr(freeing, "GRACE_S", 1000.0)
    looking = Freeing(Cluster())
    looking.soon()
    looking.close()
