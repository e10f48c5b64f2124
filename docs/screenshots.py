"""Make the screenshot of the README: a notebook in JupyterLab, its tasks in the Dask panes.

``python docs/screenshots.py`` drives JupyterLab, as ``workbench lab`` starts it, in a Chromium
without a window. The tests take the same way and look at what the functions here return.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import nbformat
import psutil
from playwright.sync_api import Frame, Locator, Page, sync_playwright

from egms_io.formats.l2 import write_burst
from egms_io.sample import sample_tracks
from egms_io.simulation import Ground, observe
from workbench.lab import CONFIG

HERE = Path(__file__).parent
NOTEBOOK = HERE.parent / "notebooks" / "egms_ortho.ipynb"
PATIENCE_S = 60.0  # for one step of the browser; the run of a notebook has its own

PANEL = '.lm-TabBar-tab[data-id="dask-dashboard-launcher"]'
# Panes of the dashboard, by the names that Dask gives them.
TASKS, MEMORY = "individual-task-stream", "individual-workers-memory"

_COLUMNS = """() => [...Bokeh.documents[0].all_models]
    .filter(model => model.type == "ColumnDataSource")
    .map(source => Object.fromEntries(
        Object.entries(source.data).map(([name, column]) => [name, Array.from(column)])))"""


@dataclass(frozen=True)
class PanelCluster:
    """What the Dask panel says of a cluster."""

    name: str
    address: str
    dashboard: str
    workers: int


@dataclass
class Lab:
    """A running JupyterLab and the page it is open in.

    Attributes
    ----------
    page
        The browser's page, with the notebook in front.
    folder
        Where the notebook lies and runs.
    url, token
        Address of the server, and what it asks for.
    left
        Those of its processes that outlived the end of the lab.
    """

    page: Page
    folder: Path
    url: str
    token: str
    left: list[psutil.Process] = field(default_factory=list)

    def ask(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Send a request to the server and return the status and the text of its answer."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def cell(self, text: str) -> Locator:
        """Find the code cell that has `text` in its source."""
        source = self.page.locator(".jp-InputArea-editor", has_text=text)
        return self.page.locator(".jp-CodeCell", has=source)

    def pane(self, name: str) -> Frame:
        """Find the frame of a pane of the dashboard."""
        return next(frame for frame in self.page.frames if frame.url.endswith(name))

    def columns(self, pane: str, *wanted: str) -> dict[str, list[Any]]:
        """Read the data behind a pane's plot: the columns of the source that has those wanted."""
        for columns in self.pane(pane).evaluate(_COLUMNS):
            if set(wanted) <= set(columns):
                return columns
        return {name: [] for name in wanted}


@dataclass
class Attached:
    """A notebook that ran on a cluster of the panel, and what the panes then showed.

    Attributes
    ----------
    tasks
        Bars in the task stream, by the name of their tasks.
    memory
        Bytes in use, by worker.
    """

    cluster: PanelCluster
    notebook: nbformat.NotebookNode
    tasks: Counter[str]
    memory: dict[str, float]


@contextmanager
def lab_in_browser(
    folder: Path,
    notebook: Path = NOTEBOOK,
    *,
    environment: Mapping[str, str] | None = None,
    size: tuple[int, int] = (1440, 900),
    scale: float = 1.0,
) -> Iterator[Lab]:
    """Open a copy of a notebook in JupyterLab; close lab, clusters and browser at the end.

    Parameters
    ----------
    folder
        Gets the copy, what the notebook writes and, outside the lab's view, Jupyter's own state.
    environment
        Variables for the server and so for kernels, such as ``DASK_WORKBENCH__CLUSTER__KIND``.
        Settings of Jupyter and Dask that the caller's environment holds are left out.
    size, scale
        Of the window, in pixels of the page, and how many of the picture each of them gets.
    """
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(notebook, home)
    token, port = uuid4().hex, _free_port()
    command = [sys.executable, "-m", "workbench", "lab", "--", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=home, env=_environment(folder, environment or {}), stdout=log, stderr=log,
            start_new_session=True,  # Ctrl-C is for us, who then stop the server
        )  # fmt: skip
    family = _Family()
    family.roots.append(psutil.Process(server.pid))
    lab = None
    try:
        with _page(family, size, scale) as page:
            lab = Lab(page, home, f"http://127.0.0.1:{port}", token)
            _await_server(lab, server, folder / "lab.log")
            # Without `reset` the workspace of an earlier visit would come back.
            page.goto(f"{lab.url}/lab/tree/{notebook.name}?token={token}&reset")
            # What is run before the kernel answers is dropped without a word.
            page.get_by_text("(ipykernel) | Idle").wait_for()
            yield lab
    finally:
        family.gather()
        if lab is not None:
            _close_clusters(lab)
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(20)
        left = family.end()
        server.wait()
        if lab is not None:
            lab.left = left


def new_cluster(lab: Lab, workers: int = 2, timeout_s: float = PATIENCE_S) -> PanelCluster:
    """Click "+ NEW" in the Dask panel and wait until it shows the cluster with its workers."""
    page = lab.page
    page.click(PANEL)
    page.locator(".dask-DaskSidebar").get_by_text("NEW", exact=True).click()
    item = page.locator(".dask-ClusterListingItem").last
    count = item.get_by_text(f"Number of Workers: {workers}", exact=True)
    count.wait_for(timeout=1000 * timeout_s)
    lines = item.inner_text().splitlines()
    said = dict(line.split(": ", 1) for line in lines if ": " in line)
    return PanelCluster(
        lines[0],
        said["Scheduler Address"],
        said["Dashboard URL"],
        int(said["Number of Workers"]),
    )


def launch_layout(lab: Lab) -> None:
    """Put the panes of the shipped layout beside the notebook and wait until each is drawn."""
    _menu(lab.page, "File", "Launch Dask Dashboard Layout")
    overrides = CONFIG / "jupyter" / "labconfig" / "default_setting_overrides.json"
    for name in json.loads(overrides.read_text())["dask-labextension:plugin"]["defaultLayout"]:
        frame = lab.page.frame_locator(f'iframe[src$="{name}"]')
        frame.locator("canvas").first.wait_for(state="attached")  # a tab may hide it


def choose_cluster(lab: Lab, address: str) -> None:
    """Type the address of a scheduler over the value of `cluster` in the parameter cell."""
    line = lab.page.locator(".cm-line", has_text="cluster: str = ")
    line.locator("span", has_text='"').first.dblclick()  # selects the word between the quotes
    lab.page.keyboard.insert_text(address)
    if f'"{address}"' not in line.inner_text():
        raise RuntimeError(f"the parameter cell now says {line.inner_text()!r}")


def run_all(lab: Lab, timeout_s: float = 180.0) -> nbformat.NotebookNode:
    """Run all cells, save, and return the notebook as it was saved."""
    _menu(lab.page, "Run", "Run All Cells")
    _await_kernel(lab.page, "busy")
    _await_kernel(lab.page, "idle", timeout_s)
    lab.page.keyboard.press("Control+s")
    lab.page.locator(".jp-mod-dirty").first.wait_for(state="detached")
    (path,) = lab.folder.glob("*.ipynb")
    return nbformat.read(path, as_version=4)


def run_attached(lab: Lab, *, workers: int = 2, timeout_s: float = PATIENCE_S) -> Attached:
    """Start a cluster in the panel, run the whole notebook on it, and read the panes.

    Parameters
    ----------
    timeout_s
        For the workers; those of a queue may take longer than those of this machine.
    """
    cluster = new_cluster(lab, workers, timeout_s)
    launch_layout(lab)
    choose_cluster(lab, cluster.address)
    notebook = run_all(lab)
    _until(lambda: tasks_shown(lab), "tasks in the task stream")
    memory = lab.columns(MEMORY, "worker", "proc_memory")
    return Attached(
        cluster,
        notebook,
        tasks_shown(lab),
        dict(zip(memory["worker"], memory["proc_memory"], strict=True)),
    )


def tasks_shown(lab: Lab) -> Counter[str]:
    """Count the bars in the task stream by the name of their tasks."""
    names = lab.columns(TASKS, "worker_thread", "name")["name"]
    return Counter(name for name in names if name != "start")  # an empty plot has a bar "start"


def run_cells(lab: Lab, *texts: str) -> None:
    """Run the cells that have these texts in their source, one after the other."""
    for text in texts:
        # At the start of a line, so that a long one does not scroll sideways.
        lab.cell(text).locator(".cm-line").first.click(position={"x": 1, "y": 5})
        lab.page.keyboard.press("Control+Enter")


def write_wide_sample(folder: Path) -> None:
    """Write a simulated sample of more bursts over more ground, to fill the task stream.

    It stands where the notebook looks for its own sample, so the figures say "simulated".
    """
    ground = Ground((4_530_000.0, 2_030_000.0, 4_560_000.0, 2_050_000.0))
    folder.mkdir(parents=True)
    for track in sample_tracks():
        for n in range(8):
            burst = replace(track, name=replace(track.name, burst=track.name.burst + n))
            batches = observe(ground, burst, 12_000, seed=20)
            write_burst(folder, burst.name, burst.dates, batches, burst.metadata)


def picture(folder: Path) -> bytes:
    """Take a notebook that ran here before, run it on a cluster of the panel, and look at it."""
    write_wide_sample(folder / "home" / "runs" / "egms_sample")
    # The bars of memory end at the limit; at that of the machine they would be hard to see.
    limits = {"DASK_WORKBENCH__CLUSTER__LOCAL__MEMORY_LIMIT": "1 GiB"}
    with lab_in_browser(folder, environment=limits, scale=10 / 9) as lab:
        run_all(lab)
        shutil.rmtree(lab.folder / "runs" / "egms_ortho")  # or its partial sums would be reused
        cluster = new_cluster(lab)
        lab.page.click(PANEL)  # closes it, for the room
        launch_layout(lab)
        choose_cluster(lab, cluster.address)
        run_cells(lab, "cluster: str", "connect(cluster", "egms_io.ortho(", "product.write(")
        _until(lambda: tasks_shown(lab)["deflate_band"] > 1, "tasks that write")
        heading = lab.page.get_by_role("heading", name="Step 7: output")
        heading.evaluate("heading => heading.scrollIntoView()")
        lab.page.wait_for_timeout(300)
        return lab.page.screenshot()


def _environment(folder: Path, own: Mapping[str, str]) -> dict[str, str]:
    """Give the server an environment in which it neither reads nor writes a user's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DASK_", "JUPYTER"))}
    state = {
        f"{name}_DIR": str(folder / name.lower())
        for name in (
            "JUPYTER_CONFIG",
            "JUPYTER_DATA",
            "JUPYTER_RUNTIME",
            "JUPYTERLAB_SETTINGS",
            "JUPYTERLAB_WORKSPACES",
        )
    }
    return {**kept, **state, "IPYTHONDIR": str(folder / "ipython"), **own}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _until(condition: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(0.1)


def _await_server(lab: Lab, server: subprocess.Popen[bytes], log: Path) -> None:
    def answers() -> bool:
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")
        with suppress(OSError):
            return bool(lab.ask("/api/status")[0] == 200)
        return False

    _until(answers, "JupyterLab")


def _await_kernel(page: Page, status: str, timeout_s: float = PATIENCE_S) -> None:
    indicator = page.locator(f'.jp-Notebook-ExecutionIndicator[data-status="{status}"]')
    indicator.wait_for(state="attached", timeout=1000 * timeout_s)  # a narrow toolbar hides it


def _menu(page: Page, menu: str, item: str) -> None:
    page.click(f'.lm-MenuBar-itemLabel:text-is("{menu}")')
    page.click(f'.lm-Menu-itemLabel:text-is("{item}")')


def _close_clusters(lab: Lab) -> None:
    """End the panel's clusters, whose jobs may run where no signal from here reaches them."""
    with suppress(OSError, ValueError):
        for cluster in json.loads(lab.ask("/dask/clusters")[1]):
            lab.ask(f"/dask/clusters/{cluster['id']}", "DELETE")


@contextmanager
def _page(family: _Family, size: tuple[int, int], scale: float) -> Iterator[Page]:
    """Open an empty page in a Chromium without a window."""
    chromium = shutil.which("chromium")
    if chromium is None:  # nothing is downloaded in its place
        raise RuntimeError("Chromium is missing: apt-get install chromium")
    before = psutil.Process().children()
    with sync_playwright() as playwright:
        family.roots += set(psutil.Process().children()) - set(before)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            page = browser.new_page(
                viewport={"width": size[0], "height": size[1]}, device_scale_factor=scale
            )
            page.set_default_timeout(1000 * PATIENCE_S)
            yield page
        finally:
            family.gather()
            browser.close()


class _Family:
    """Processes started here and all that they started; kernels are in sessions of their own."""

    def __init__(self) -> None:
        self.roots: list[psutil.Process] = []
        self._met: set[psutil.Process] = set()

    def gather(self) -> None:
        """Note who is there, while it can still be told who started whom."""
        for root in self.roots:
            with suppress(psutil.NoSuchProcess):
                self._met |= {root, *root.children(recursive=True)}

    def end(self) -> list[psutil.Process]:
        """Kill who is left, and return who stays even so."""
        for process in self._met:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(self._met, 5)
        return [process for process in self._met if self._runs(process)]

    @staticmethod
    def _runs(process: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess):
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return False


def main() -> None:
    """Store the screenshot of the README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=HERE / "pictures", help="folder")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    path = output / "lab.png"
    with TemporaryDirectory() as folder:
        path.write_bytes(picture(Path(folder)))
    print(f"{path} ({path.stat().st_size // 1000} kB)")


if __name__ == "__main__":
    main()
