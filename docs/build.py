"""Build the site into docs/_build/html: ``make docs``.

The pages are laid out as in the repository, so that a link which works there works here: guides in
``docs``, notebooks in ``notebooks``. Notebooks are run first, unless they are given as they ran.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
BUILD = DOCS / "_build"
PAGES, HTML, EXECUTED = BUILD / "pages", BUILD / "html", BUILD / "notebooks"
PACKAGES = ("workbench", "egms_io", "spaceeye", "efast", "tiling")

TAKEN = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/README.md")
"""Pages that stand outside docs."""

PARAMETERS = {"spaceeye": {"step_days": 6}}
"""What a notebook is run with on the site, where that is not its default."""


def run_notebook(name: str) -> Path:
    """Run a notebook on its sample, in a folder of its own, unless nothing has changed since."""
    source, output = ROOT / "notebooks" / f"{name}.ipynb", EXECUTED / f"{name}.ipynb"
    code = [source, Path(__file__), *(path for package in PACKAGES for path in _modules(package))]
    if output.exists() and output.stat().st_mtime > max(path.stat().st_mtime for path in code):
        return output
    folder = BUILD / "runs" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    output.unlink(missing_ok=True)
    given = [("-p", key, str(value)) for key, value in PARAMETERS.get(name, {}).items()]
    command = [sys.executable, "-m", "workbench", "run", source, "-o", folder / output.name]
    options = ["--cwd", folder, *(word for words in given for word in words)]
    subprocess.run([*command, *options], check=True)
    output.parent.mkdir(exist_ok=True)
    return (folder / output.name).replace(output)


def _modules(package: str) -> list[Path]:
    return list((ROOT / package).rglob("*.py"))


def executed_notebooks(given: Path | None) -> list[Path]:
    """Return every notebook with its outputs: those `given`, the others run here side by side."""
    names = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    ready = {path.stem: path for path in given.glob("*.ipynb")} if given else {}
    with ThreadPoolExecutor(2) as pool:
        made = pool.map(run_notebook, [name for name in names if name not in ready])
        return [*made, *(ready[name] for name in names if name in ready)]


def lay_out(notebooks: list[Path]) -> None:
    """Put all pages into one tree, anew: a page that is not read again cannot warn."""
    shutil.rmtree(PAGES, ignore_errors=True)
    hidden = shutil.ignore_patterns("_*", "*.py", "index.md", "__pycache__")
    shutil.copytree(DOCS, PAGES / "docs", ignore=hidden)
    shutil.copy2(DOCS / "index.md", PAGES)
    for name in TAKEN:
        (PAGES / name).parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / name, PAGES / name)
    (PAGES / "notebooks").mkdir()
    for path in notebooks:
        shutil.copy2(path, PAGES / "notebooks")


def build() -> int:
    """Run Sphinx; a warning is an error."""
    shutil.rmtree(HTML, ignore_errors=True)
    strict = ["--fail-on-warning", "--keep-going", "--quiet"]  # --jobs loses errors of the writer
    where = ["--conf-dir", DOCS, "--doctree-dir", BUILD / "doctrees", "--fresh-env", PAGES, HTML]
    return subprocess.run([sys.executable, "-m", "sphinx", *strict, *where], check=False).returncode


def main() -> int:
    """Build the site and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executed", type=Path, help="folder of notebooks that have run")
    lay_out(executed_notebooks(parser.parse_args().executed))
    status = build()
    if not status:
        print(f"the site: {HTML.relative_to(ROOT)}/index.html")
    return status


if __name__ == "__main__":
    sys.exit(main())
