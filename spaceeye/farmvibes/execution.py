"""The run of a workflow that has been checked, in this process or on a Dask client.

Between tasks go lists of records. A port that takes one record at a time gets the records of a list
in as many calls (or in batches, where that spares reading), which run side by side on a client;
their results become one list again, in the order of the calls. So the result is the same wherever
the calls ran and however they overlapped.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spaceeye.errors import BadWorkflow
from spaceeye.farmvibes.registry import OPERATIONS, Operation, suggestion
from spaceeye.farmvibes.workflowcheck import nested, order, source_ports
from spaceeye.farmvibes.workflowgraph import Task, Workflow

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Run", "check_sources"]

logger = logging.getLogger("spaceeye")

Records = list[Any]


def check_sources(workflow: Workflow, sources: Mapping[str, Any]) -> dict[str, Records]:
    """Give a list of records for each source.

    Raises
    ------
    BadWorkflow
        If one is missing, is not a source or holds something else than its port takes.
    """
    for name in sources:
        if name not in workflow.sources:
            known = suggestion(name, workflow.sources)
            raise BadWorkflow(f"source {name!r}: the workflow has none of this name; {known}")
    found = {}
    for name, port in source_ports(workflow).items():
        if name not in sources:
            raise BadWorkflow(
                f"source {name!r} is missing: give records for {', '.join(workflow.sources)}"
            )
        assert port is not None
        found[name] = _records(name, sources[name], port.record)
    return found


def _records(name: str, value: Any, record: type) -> Records:
    given = [value] if not isinstance(value, list | tuple) else list(value)
    for place, item in enumerate(given):
        if not isinstance(item, record):
            cure = f"such as {record.__name__}.open(path)" if hasattr(record, "open") else ""
            raise BadWorkflow(
                f"source {name!r}: record {place} is of type {type(item).__name__}, "
                f"{record.__name__} is needed {cure}".rstrip()
            )
    return given


class Run:
    """Carries out checked workflows.

    Parameters
    ----------
    client
        Where the calls go; None for this process.
    options
        Further keywords for the operations that have them; None is not passed on.
    """

    def __init__(self, client: Client | None, options: Mapping[str, Any]) -> None:
        self._client = client
        self._options = {name: value for name, value in options.items() if value is not None}

    def run(
        self, workflow: Workflow, sources: Mapping[str, Records], parameters: Mapping[str, Any]
    ) -> dict[str, Records]:
        """Give the records of each sink."""
        made: dict[str, Records] = {f"source {name}": given for name, given in sources.items()}
        feeders = workflow.feeders()
        waiting = order(workflow)
        waiting.prepare()
        while waiting.is_active():
            ready = list(waiting.get_ready())
            arrived = {
                name: {
                    port.split(".")[1]: made[fed[0]]
                    for port, fed in feeders.items()
                    if port.split(".")[0] == name
                }
                for name in ready
            }
            made |= self._together(workflow, parameters, arrived)
            waiting.done(*ready)
        return {name: made[port] for name, port in workflow.sinks.items()}

    def _together(
        self,
        workflow: Workflow,
        parameters: Mapping[str, Any],
        arrived: Mapping[str, Mapping[str, Records]],
    ) -> dict[str, Records]:
        """Run tasks that do not wait for each other; give what comes out of their ports."""
        made: dict[str, Records] = {}
        calls: list[tuple[str, Operation, dict[str, Any]]] = []
        for name, inputs in arrived.items():
            task = workflow.tasks[name]
            values = workflow.values(parameters, task)
            if task.workflow is not None:
                results = self.run(nested(workflow, task), inputs, values)
                made |= {f"{name}.{sink}": records for sink, records in results.items()}
            else:
                calls += self._calls(task, inputs, values)
                made |= {f"{name}.{port}": [] for port in OPERATIONS[str(task.op)].outputs}
        for (name, operation, _), result in zip(calls, self._carry_out(calls), strict=True):
            port, kind = next(iter(operation.outputs.items()))
            several = kind.many or operation.batch is not None
            made[f"{name}.{port}"] += list(result) if several else [result]
        return made

    def _calls(
        self, task: Task, inputs: Mapping[str, Records], values: Mapping[str, Any]
    ) -> list[tuple[str, Operation, dict[str, Any]]]:
        operation = OPERATIONS[str(task.op)]
        fixed = {operation.parameters[name][0]: value for name, value in values.items()}
        fixed |= {name: self._options[name] for name in operation.options if name in self._options}
        fixed |= {name: inputs[name] for name, port in operation.inputs.items() if port.many}
        single = [name for name, port in operation.inputs.items() if not port.many]
        if not single:
            rows: list[tuple[Any, ...]] = [()]
        elif len(single) == 1:
            rows = [(record,) for record in inputs[single[0]]]
        else:
            assert operation.pair is not None
            rows = operation.pair(*(inputs[name] for name in single))
        calls = [dict(zip(single, row, strict=True)) for row in rows]
        if operation.batch is not None:
            mode = self._options.get("mode", "full")
            calls = [{"pairs": pairs} for pairs in operation.batch(rows, mode)]
        logger.info("task %s: %d calls", task.name, len(calls))
        return [(task.name, operation, {**fixed, **call}) for call in calls]

    def _carry_out(self, calls: Sequence[tuple[str, Operation, dict[str, Any]]]) -> Records:
        if self._client is None:
            return [_call(operation.function, keywords) for _, operation, keywords in calls]
        futures = [
            self._client.submit(_call, operation.function, keywords, pure=False)
            for _, operation, keywords in calls
        ]
        try:
            results: Records = self._client.gather(futures)  # type: ignore[no-untyped-call]
        except BaseException:
            self._client.cancel(futures)  # type: ignore[no-untyped-call]
            raise
        return results


def _call(function: Any, keywords: dict[str, Any]) -> Any:
    return function(**keywords)
