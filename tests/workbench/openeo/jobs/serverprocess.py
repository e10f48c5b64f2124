"""Run as a script: jobs in a folder, asked by lines of JSON; to be killed.

``python serverprocess.py FOLDER [SCHEDULER]``
"""

from __future__ import annotations

import json
import sys

from distributed import Client

from workbench.openeo.jobs import Jobs


def answer(jobs, method, *arguments):
    if method == "create":
        return jobs.create("ada", {"process": arguments[0]}).id
    if method == "start":
        return jobs.start("ada", *arguments)
    if method == "read":
        job = jobs.read("ada", *arguments)
        return {"status": job.status, "run": job.run}
    if method == "log":
        return list(jobs.logs("ada", *arguments).parts)
    if method == "files":
        return [str(asset.path) for asset in jobs.results("ada", *arguments).assets]
    return list(jobs._running.pids.values())


def main(folder, address=None):
    client = Client(address) if address else None
    jobs = Jobs(folder, cluster=client)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(jobs, *json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
