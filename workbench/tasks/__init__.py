"""Work that is sent out: calls that run here or on a cluster, and results as they finish."""

from workbench.tasks.calls import LARGEST_ARGUMENT, Call
from workbench.tasks.dispatcher import Tasks
from workbench.tasks.places import cores

__all__ = ["LARGEST_ARGUMENT", "Call", "Tasks", "cores"]
