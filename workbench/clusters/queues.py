"""What the batch systems Slurm and PBS are asked and how they answer, in one form for both.

Their commands are run as they are (``sbatch``, ``squeue``, ``scancel``; ``qsub``, ``qstat``,
``qdel``), so whatever a site has set up for them holds here too.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from workbench.errors import NoCluster

__all__ = ["QUEUES", "JobState", "Queue", "queue_named"]

_TIMEOUT_S = 60.0  # in which a batch system answers even when it is busy

# What no waiting changes, by the reason that Slurm gives for it.
_NEVER = (
    (
        re.compile(r"PartitionTimeLimit|\w*MaxWallDurationPerJob\w*"),
        "the walltime is longer than the queue allows: shorten walltime=, or name another queue=",
    ),
    (
        re.compile(r"PartitionNodeLimit|BadConstraints|\w*Max\w*PerJob\w*"),
        "a job asks for more than the queue allows: less memory= or cores=, or another queue=",
    ),
    (
        re.compile(r"InvalidAccount|InvalidQOS|AccountNotAllowed|QOSNotAllowed"),
        "the account may not use this queue: another account= or queue=",
    ),
)

_SLURM_WALLTIME = re.compile(r"(?:(?P<d>\d+)-)?(?P<rest>\d+(?::\d+){0,2})")


class JobState(NamedTuple):
    """Where a job stands."""

    job: str
    state: str
    """In the words of the batch system: PENDING, RUNNING, TIMEOUT; Q, R, C."""
    reason: str
    """Why it waits or ended, if the batch system says so."""
    alive: bool
    """Whether it waits or runs, so that something may still come of it."""

    @property
    def waits(self) -> bool:
        """Whether it is in the queue and has not begun."""
        return self.alive and self.state in ("PENDING", "Q", "H")

    @property
    def advice(self) -> str:
        """What to change, if the job can never begin as it is; else empty."""
        if not self.waits:
            return ""
        return next((words for reason, words in _NEVER if reason.fullmatch(self.reason)), "")

    def __str__(self) -> str:
        return f"{self.job} {self.state}{f' ({self.reason})' if self.reason else ''}"


@dataclass(frozen=True)
class Queue(ABC):
    """One batch system: its name, its three commands, and how its answers read."""

    name: str
    submit_command: str
    state_command: str
    cancel_command: str

    def check(self) -> None:
        """Refuse a machine that lacks one of the commands."""
        for command in (self.submit_command, self.state_command, self.cancel_command):
            self._program(command)

    def submit(self, script: str | Path, cwd: str | Path | None = None) -> str:
        """Submit a job script, from the folder `cwd`, and return the id of the job.

        Raises
        ------
        NoCluster
            With the words of the batch system, if it refuses.
        """
        answer = self._call([self.submit_command, str(script)], cwd)
        found = re.search(r"\d+(?:\.\S+)?", answer)
        if found is None:
            raise NoCluster(f"{self.submit_command} gave no job id: {answer.strip()}")
        return found[0].rstrip(".")

    def cancel(self, jobs: Iterable[str]) -> None:
        """Cancel jobs; one that has ended already is no error."""
        subprocess.run(
            [self._program(self.cancel_command), *jobs],
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
        )

    def states(self, jobs: Sequence[str]) -> dict[str, JobState]:
        """Return where each of `jobs` stands; one the batch system has forgotten is not alive."""
        if not jobs:
            return {}
        known = {state.job: state for state in self._ask(jobs)}
        forgotten = "not in the queue"
        return {job: known.get(job) or JobState(job, forgotten, "", False) for job in jobs}

    @abstractmethod
    def walltime_s(self, text: str) -> float:
        """Return a walltime, as this batch system writes it, in seconds."""

    @abstractmethod
    def _ask(self, jobs: Sequence[str]) -> Iterable[JobState]: ...

    def _call(self, command: Sequence[str], cwd: str | Path | None) -> str:
        program = self._program(command[0])
        try:
            done = subprocess.run(
                [program, *command[1:]],
                cwd=cwd,
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise NoCluster(f"{command[0]} did not answer within {_TIMEOUT_S:g} s") from error
        if done.returncode:
            words = (done.stderr + done.stdout).strip()
            raise NoCluster(f"{self.name} refused: {' '.join(command)}\n{words}")
        return done.stdout

    def _program(self, name: str) -> str:
        program = shutil.which(name)
        if program is None:
            raise NoCluster(
                f"there is no {name} on this machine: {self.name!r} works where jobs can be "
                "submitted, as on a login node"
            )
        return program


class Slurm(Queue):
    """Slurm, by sbatch, squeue and scancel."""

    _DEAD = frozenset(
        {
            "BOOT_FAIL",
            "CANCELLED",
            "COMPLETED",
            "COMPLETING",
            "DEADLINE",
            "FAILED",
            "NODE_FAIL",
            "OUT_OF_MEMORY",
            "PREEMPTED",
            "TIMEOUT",
        }
    )

    def _ask(self, jobs: Sequence[str]) -> Iterable[JobState]:
        command = [self._program(self.state_command), "--noheader", "--states=all"]
        command += [f"--jobs={','.join(jobs)}", "--format=%i|%T|%r"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
        if done.returncode and "Invalid job id" not in done.stderr:
            raise NoCluster(f"squeue does not answer: {done.stderr.strip()}")
        for line in done.stdout.splitlines():
            job, state, reason = line.strip().split("|", 2)
            said = "" if reason == "None" else reason
            yield JobState(job, state, said, state not in self._DEAD)

    def walltime_s(self, text: str) -> float:
        """Read minutes, minutes:seconds, h:m:s, days-hours, days-hours:minutes or d-h:m:s."""
        found = _SLURM_WALLTIME.fullmatch(str(text).strip())
        if found is None:
            raise NoCluster(f"walltime {text!r} is not one of Slurm's, such as 02:00:00 or 1-12")
        parts = [int(part) for part in found["rest"].split(":")]
        if found["d"]:
            hours, minutes, seconds = [*parts, 0, 0][:3]
            return int(found["d"]) * 86400.0 + hours * 3600 + minutes * 60 + seconds
        if len(parts) == 3:
            return parts[0] * 3600.0 + parts[1] * 60 + parts[2]
        return parts[0] * 60.0 + (parts[1] if len(parts) == 2 else 0)


class Pbs(Queue):
    """PBS and its relatives, by qsub, qstat and qdel."""

    _DEAD = frozenset("CFX")

    def _ask(self, jobs: Sequence[str]) -> Iterable[JobState]:
        # One job that has left the queue makes qstat fail, yet it prints the others.
        done = subprocess.run(
            [self._program(self.state_command), "-f", *jobs],
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
        for block in re.split(r"^Job Id:\s*", done.stdout, flags=re.MULTILINE)[1:]:
            told = block.split(maxsplit=1)[0]
            job = next((job for job in jobs if told.split(".")[0] == job.split(".")[0]), told)
            state = re.search(r"job_state = (\w)", block)
            comment = re.search(r"^\s*comment = (.*(?:\n\t.*)*)", block, flags=re.MULTILINE)
            if state:
                said = re.sub(r"\n\t", "", comment[1]).strip() if comment else ""
                yield JobState(job, state[1], said, state[1] not in self._DEAD)

    def walltime_s(self, text: str) -> float:
        """Read seconds, minutes:seconds or hours:minutes:seconds."""
        parts = str(text).strip().split(":")
        if len(parts) > 3 or not all(part.isdecimal() for part in parts):
            raise NoCluster(f"walltime {text!r} is not one of PBS's, such as 02:00:00")
        hours, minutes, seconds = [0] * (3 - len(parts)) + [int(part) for part in parts]
        return hours * 3600.0 + minutes * 60 + seconds


QUEUES: dict[str, Queue] = {
    "slurm": Slurm("slurm", "sbatch", "squeue", "scancel"),
    "pbs": Pbs("pbs", "qsub", "qstat", "qdel"),
}


def queue_named(name: str) -> Queue:
    """Return the batch system of this name.

    Raises
    ------
    NoCluster
        If there is none.
    """
    if name not in QUEUES:
        raise NoCluster(f"batch system {name!r} is not known; there are: {', '.join(QUEUES)}")
    return QUEUES[name]
