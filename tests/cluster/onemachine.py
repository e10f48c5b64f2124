"""A real Slurm on one machine: munged, slurmctld and a slurmd per node, without systemd.

Everything lives in one folder, with free ports and a munge socket of its own, so an installed Slurm
on the same host is not touched and several of these can run at a time. Needs root (slurmd starts
jobs) and Debian's packages slurm-wlm and munge; slurm-wlm-torque adds qsub, qdel and qstat.

Several nodes on one machine share its processors: what Slurm schedules the kernel does not enforce,
so a job over its memory is not killed here.

Run as a script it stays up until it is interrupted::

    python tests/cluster/onemachine.py /tmp/slurm
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")

_CONF = """\
ClusterName=onemachine
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={folder}/munge.sock

SlurmctldPort={port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
StateSaveLocation={folder}/ctld
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdSpoolDir={folder}/spool-%n

# Nothing that needs cgroups, a database or a mail program.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
ReturnToService=2

# Cores and memory are scheduled, so a job that does not fit waits as on a real machine.
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_min_interval=100000
DefMemPerCPU=512

MessageTimeout=10
InactiveLimit=0
KillWait=30
MinJobAge=20
SlurmctldTimeout=30
SlurmdTimeout=30
Waittime=0

{nodes}
PartitionName=debug Nodes=n[1-{count}] Default=YES MaxTime=01:00:00 State=UP OverSubscribe=NO
"""


class OneMachineSlurm:
    """Start a Slurm of `nodes` nodes in `folder`; `stop` ends it.

    `environment` is what a process needs to talk to it.
    """

    def __init__(
        self, folder: Path, *, nodes: int = 2, cpus: int = 2, memory_mb: int = 4000
    ) -> None:
        self.folder = Path(folder)
        self.nodes = nodes
        self._daemons: list[subprocess.Popen[bytes]] = []
        self.environment = {"SLURM_CONF": str(self.folder / "slurm.conf")}
        self._configure(cpus, memory_mb)

    def _configure(self, cpus: int, memory_mb: int) -> None:
        host = socket.gethostname().split(".")[0]
        _let_the_host_find_itself(host)
        (self.folder / "ctld").mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)  # munged refuses a socket that others cannot reach
        ports = _free_ports(self.nodes + 1)
        lines = [
            f"NodeName=n{i} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[i]} "
            f"CPUs={cpus} RealMemory={memory_mb} State=UNKNOWN"
            for i in range(1, self.nodes + 1)
        ]
        settings = {"host": host, "folder": self.folder, "port": ports[0], "count": self.nodes}
        conf = _CONF.format(nodes="\n".join(lines), **settings)
        (self.folder / "slurm.conf").write_text(conf)

    def start(self, timeout: float = 30) -> None:
        """Start the daemons and wait until every node is idle."""
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        names = {"socket": "munge.sock", "log-file": "munged.log", "seed-file": "munge.seed"}
        options = [f"--{option}={self.folder / name}" for option, name in names.items()]
        pid_file = f"--pid-file={self.folder / 'munged.pid'}"
        self._daemon("munged", "--foreground", "--force", f"--key-file={key}", pid_file, *options)
        _wait(lambda: (self.folder / "munge.sock").exists(), timeout, self._logs)
        self._daemon("slurmctld", "-D", "-c")
        for i in range(1, self.nodes + 1):
            (self.folder / f"spool-n{i}").mkdir(exist_ok=True)
            self._daemon("slurmd", "-D", "-c", "-N", f"n{i}")
        _wait(lambda: self._idle() == self.nodes, timeout, self._logs)

    def _daemon(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.out").open("ab") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests, not for the daemons
            )
        self._daemons.append(process)

    def stop(self) -> None:
        """Cancel all jobs and end the daemons, last one first."""
        with suppress(subprocess.SubprocessError):
            self.call("scancel", "--user=root", check=False)
            _wait(lambda: not self.queue(), 15, lambda: "")
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._daemons.clear()

    def call(self, *command: str, check: bool = True) -> str:
        """Run a command of Slurm and return what it prints."""
        environment = {**os.environ, **self.environment}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=30
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def queue(self) -> dict[str, str]:
        """Return the state of every job in the queue, by its id."""
        lines = self.call("squeue", "--noheader", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines)

    def _idle(self) -> int:
        return len(self.call("sinfo", "-h", "-N", "-t", "idle", "-o", "%N", check=False).split())

    def _logs(self) -> str:
        logs = [*self.folder.glob("*.log"), *self.folder.glob("*.out")]
        return "\n".join(f"--- {log.name}\n{log.read_text()[-1500:]}" for log in sorted(logs))


def missing() -> list[str]:
    """Return what this machine lacks to run a Slurm."""
    lacking = [name for name in PROGRAMS if not shutil.which(name)]
    return lacking if os.geteuid() == 0 else [*lacking, "root rights"]


def _let_the_host_find_itself(host: str) -> None:
    """Add the host's own name to /etc/hosts where, as in many containers, it is not known."""
    try:
        socket.gethostbyname(host)
    except OSError:
        with Path("/etc/hosts").open("a") as hosts:
            hosts.write(f"127.0.0.1 {host}\n")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _wait(condition, timeout: float, reason) -> None:
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"Slurm did not get there in {timeout} s\n{reason()}")
        time.sleep(0.1)


if __name__ == "__main__":
    if missing():
        sys.exit(f"missing: {', '.join(missing())}; apt-get install slurm-wlm munge")
    slurm = OneMachineSlurm(Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/slurm-one-machine"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        slurm.start()
        sys.stdout.write(f"export SLURM_CONF={slurm.environment['SLURM_CONF']}\n")
        sys.stdout.flush()
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        slurm.stop()
