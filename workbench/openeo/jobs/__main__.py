"""``python -m workbench.openeo.jobs``: the process of a job; the server starts it."""

from workbench.openeo.jobs.work import main

if __name__ == "__main__":
    main()
