"""What is known of batch jobs, in one SQLite file: jobs, their logs, what they have written.

Only the server has it open. The file is in WAL mode: each change is whole or absent, also if the
server is killed.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.disks import writing
from workbench.openeo.jobs.records import LEVELS, Job, Page, Status, now

__all__ = ["Store"]

_TABLES = """
create table if not exists jobs (
    number integer primary key autoincrement,
    id text not null unique,
    user text not null,
    status text not null,
    created text not null,
    updated text not null,
    given text not null,
    process text not null,
    processes text not null default '{}',
    progress real not null default 0,
    run integer not null default 0,
    lost integer not null default 0,
    place integer,
    seconds real,
    size integer
);
create index if not exists jobs_of_user on jobs (user, number);
create index if not exists jobs_by_status on jobs (status, place);
create table if not exists assets (
    job text not null references jobs (id) on delete cascade,
    name text not null,
    entry text not null,
    primary key (job, name)
);
create table if not exists logs (
    number integer primary key autoincrement,
    job text not null references jobs (id) on delete cascade,
    level integer not null,
    entry text not null
);
create index if not exists logs_of_job on logs (job, number);
create table if not exists secrets (name text primary key, value blob not null);
"""

_COLUMNS = "id, user, status, created, updated, given, progress, run, seconds, size"


class Store:
    """The jobs in one file; methods may be called from any thread.

    Raises
    ------
    DiskFull, NotWritten
        By each method that writes, if it cannot; nothing has changed then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with writing(path):
            self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._file.row_factory = sqlite3.Row
            for setting in ("journal_mode = wal", "synchronous = normal", "foreign_keys = on"):
                self._file.execute(f"pragma {setting}")
            self._file.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """Make what a block changes one change, whole or absent; blocks may lie in each other."""
        with self._lock, writing(self.path):
            if self._file.in_transaction:
                yield
                return
            self._file.execute("begin immediate")
            try:
                yield
                self._file.execute("commit")
            except BaseException:
                if self._file.in_transaction:
                    self._file.execute("rollback")
                raise

    def _rows(self, words: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._file.execute(words, values).fetchall()

    def _write(self, words: str, *values: Any) -> int:
        with self.change():
            return self._file.execute(words, values).rowcount

    def secret(self, name: str, fresh: bytes) -> bytes:
        """Return the secret of a name, `fresh` from now on if there is none."""
        with self.change():
            self._write("insert or ignore into secrets values (?, ?)", name, fresh)
            return bytes(self._rows("select value from secrets where name = ?", name)[0]["value"])

    # --- jobs

    def add(self, job: Job) -> None:
        """Add a job that was created."""
        self._write(
            "insert into jobs (id, user, status, created, updated, given, process) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            *(job.id, job.user, job.status, job.created, job.updated),
            *(json.dumps(dict(job.given)), json.dumps(dict(job.process))),
        )

    def job(self, user: str | None, number: str) -> Job | None:
        """Return a job of a user, or with None of anybody; None if there is none."""
        rows = self._rows(
            f"select {_COLUMNS}, process from jobs where id = ? and (? is null or user = ?)",
            *(number, user, user),
        )
        return _job(rows[0]) if rows else None

    def jobs(self, user: str) -> list[Job]:
        """Return the jobs of a user without their processes, the newest first."""
        words = (
            f"select {_COLUMNS}, '{{}}' as process from jobs where user = ? order by number desc"
        )
        return [_job(row) for row in self._rows(words, user)]

    def count(self, user: str, *statuses: Status) -> int:
        """Count the jobs of a user, with these statuses if any are named."""
        marks = ",".join("?" * len(statuses))
        wanted = f"and status in ({marks})" if statuses else ""
        words = f"select count(*) from jobs where user = ? {wanted}"
        return int(self._rows(words, user, *statuses)[0][0])

    def with_status(self, status: Status) -> list[Job]:
        """Return the jobs of all users with a status, in the order in which they were queued."""
        words = f"select {_COLUMNS}, '{{}}' as process from jobs where status = ? order by place"
        return [_job(row) for row in self._rows(words, status)]

    def alter(self, job: Job) -> None:
        """Store what a job was given and its process, with what is known of its last run."""
        self._write(
            "update jobs set given = ?, process = ?, seconds = ?, size = ? where id = ?",
            *(json.dumps(dict(job.given)), json.dumps(dict(job.process))),
            *(job.seconds, job.size, job.id),
        )

    def remove(self, number: str) -> None:
        """Forget a job, with its log and its results."""
        self._write("delete from jobs where id = ?", number)

    # --- what becomes of a job

    def queue(self, number: str, processes: Mapping[str, Any]) -> None:
        """Put a job at the end of the queue; what is known of its last run is forgotten."""
        with self.change():
            self.forget(number)
            self._write("delete from logs where job = ?", number)
            self._write(
                "update jobs set status = 'queued', updated = ?, processes = ?, progress = 0, "
                "lost = 0, place = (select coalesce(max(place), 0) + 1 from jobs) where id = ?",
                *(now(), json.dumps(dict(processes)), number),
            )

    def forget(self, number: str) -> None:
        """Forget the results of a job."""
        with self.change():
            self._write("delete from assets where job = ?", number)
            self._write("update jobs set seconds = null, size = null where id = ?", number)

    def requeue(self, number: str, *, lost: bool) -> int:
        """Put a running job back to its place in the queue; return how often it was lost."""
        with self.change():
            self.forget(number)
            self._write(
                "update jobs set status = 'queued', updated = ?, progress = 0, lost = lost + ? "
                "where id = ?",
                *(now(), lost, number),
            )
            return int(self._rows("select lost from jobs where id = ?", number)[0]["lost"])

    def begin(self, number: str) -> int:
        """Mark a job as running; return the number of this run."""
        with self.change():
            self._write(
                "update jobs set status = 'running', updated = ?, run = run + 1 where id = ?",
                *(now(), number),
            )
            return int(self._rows("select run from jobs where id = ?", number)[0]["run"])

    def settle(self, number: str, status: Status, **known: Any) -> None:
        """Store the status in which a job has come to rest.

        Parameters
        ----------
        known
            ``progress``, ``seconds`` and ``size``, where they are known.
        """
        names = "".join(f", {name} = ?" for name in known)
        words = f"update jobs set status = ?, updated = ?{names} where id = ?"
        self._write(words, status, now(), *known.values(), number)

    def progress(self, number: str, percent: float) -> None:
        """Store how far a running job is."""
        self._write("update jobs set progress = ? where id = ?", percent, number)

    def processes(self, number: str) -> dict[str, Any]:
        """Return the processes that the user had defined when the job was queued."""
        rows = self._rows("select processes from jobs where id = ?", number)
        return json.loads(rows[0]["processes"]) if rows else {}

    # --- what it leaves

    def add_asset(self, number: str, entry: Mapping[str, Any]) -> None:
        """Store that a file of the results is whole."""
        words = "insert or replace into assets values (?, ?, ?)"
        self._write(words, number, entry["path"], json.dumps(dict(entry)))

    def assets(self, number: str) -> list[dict[str, Any]]:
        """Return the files of the results, in the order in which they were finished."""
        words = "select entry from assets where job = ? order by rowid"
        return [json.loads(row["entry"]) for row in self._rows(words, number)]

    # --- what it says

    def log(self, number: str, entry: Mapping[str, Any]) -> None:
        """Add an entry to the log of a job."""
        self._write(
            "insert into logs (job, level, entry) values (?, ?, ?)",
            *(number, LEVELS.index(entry["level"]), json.dumps(dict(entry))),
        )

    def logs(self, number: str, limit: int | None, after: int, level: str) -> Page:
        """Return entries of a log in order, those after a number and from a level on."""
        rows = self._rows(
            "select number, entry from logs where job = ? and number > ? and level >= ? "
            "order by number limit ?",
            *(number, after, LEVELS.index(level), -1 if limit is None else limit + 1),
        )
        shown = rows if limit is None else rows[:limit]
        entries = [{"id": str(row["number"]), **json.loads(row["entry"])} for row in shown]
        more = len(rows) > len(shown) > 0
        return Page(entries, entries[-1]["id"] if more else None)

    def last_error(self, number: str) -> dict[str, Any] | None:
        """Return the last entry about an error."""
        rows = self._rows(
            "select number, entry from logs where job = ? and level = ? order by number desc "
            "limit 1",
            *(number, LEVELS.index("error")),
        )
        if not rows:
            return None
        return {"id": str(rows[0]["number"]), **json.loads(rows[0]["entry"])}


def _job(row: sqlite3.Row) -> Job:
    known = {name: row[name] for name in _COLUMNS.split(", ")}
    given, process = json.loads(row["given"]), json.loads(row["process"])
    return Job(**{**known, "given": given, "process": process})
