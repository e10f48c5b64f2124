"""Start JupyterLab with the Dask panel of the workbench: its clusters, its layout, its safety.

The panel's settings are read by the Jupyter server, so they must be in the environment when it
starts. They ship inside the package, in ``workbench/config``.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from workbench.errors import WorkbenchError

__all__ = ["CONFIG", "lab_command", "lab_environment", "launch"]

logger = logging.getLogger(__name__)

CONFIG = Path(__file__).with_name("config")

_ADDRESS_OPTIONS = ("--ip", "--ServerApp.ip")
_BASE_URL_OPTIONS = ("--ServerApp.base_url", "--base_url", "--NotebookApp.base_url")


def lab_environment(
    config_dir: str | os.PathLike[str] = CONFIG,
    *,
    cluster: str | None = None,
    args: Sequence[str] = (),
) -> dict[str, str]:
    """Return the environment in which JupyterLab finds the settings in `config_dir`.

    `cluster` is the kind that the panel starts and `workbench.connect` takes when none is named.
    Where `args` put the lab below a base URL, as behind a proxy, links to dashboards go through it.

    A ``DASK_CONFIG`` that the user has set is kept, because it holds one path only; the log then
    says which file to take the panel's settings from. ``JUPYTER_CONFIG_PATH`` is a list: ours is
    put after the user's own, which win.
    """
    config = Path(config_dir).resolve()
    panel = config / "dask" / "labextension.yaml"
    environment = dict(os.environ)
    own = environment.get("DASK_CONFIG")
    if own:
        logger.info(
            "DASK_CONFIG is %s and stays; for clusters of the workbench in the Dask panel, include "
            "the section `labextension` of %s there",
            own,
            panel,
        )
    else:
        # The file, not its folder: into a folder other packages would copy their own defaults.
        environment["DASK_CONFIG"] = str(panel)
    paths = [environment.get("JUPYTER_CONFIG_PATH"), str(config / "jupyter")]
    environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(path for path in paths if path)
    if cluster:
        environment["DASK_WORKBENCH__CLUSTER__KIND"] = cluster
    base = _base_url(args)
    if base:
        link = f"{base.rstrip('/')}/proxy/{{port}}/status"
        environment.setdefault("DASK_DISTRIBUTED__DASHBOARD__LINK", link)
    return environment


def _base_url(args: Sequence[str]) -> str:
    """Return the base URL among JupyterLab's options, given as one word or as two."""
    words = iter(args)
    for word in words:
        name, equals, value = word.partition("=")
        if name in _BASE_URL_OPTIONS:
            return value if equals else next(words, "")
    return ""


def lab_command(args: Sequence[str] = ()) -> list[str]:
    """Return the command that starts JupyterLab for this machine only, unless `args` say otherwise.

    Jupyter's access token stays on.
    """
    named = any(arg.split("=", 1)[0] in _ADDRESS_OPTIONS for arg in args)
    address = [] if named else ["--ip=127.0.0.1"]
    return [sys.executable, "-m", "jupyterlab", *address, *args]


def launch(args: Sequence[str] = (), *, cluster: str | None = None) -> NoReturn:
    """Become JupyterLab; `args` are its own options, `cluster` is what its Dask panel starts.

    Raises
    ------
    WorkbenchError
        If JupyterLab is not installed.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise WorkbenchError("JupyterLab is not installed: pip install 'eo-workbench[lab]'")
    command = lab_command(args)
    os.execvpe(command[0], command, lab_environment(cluster=cluster, args=args))
