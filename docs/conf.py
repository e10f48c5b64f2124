"""How Sphinx builds the site; `docs/build.py` lays out the pages and calls it."""

from __future__ import annotations

import builtins
from importlib.metadata import version as installed_version
from pathlib import Path
from types import GenericAlias
from typing import Any, TypeVar

from docutils.nodes import Text
from numpydoc.xref import DEFAULT_LINKS
from sphinx.addnodes import pending_xref

project = "Earth-observation workbench"
author = "the workbench's authors"
copyright = "the workbench's authors, Apache-2.0"  # noqa: A001  the name that Sphinx reads
release = version = installed_version("eo-workbench")

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
]
# READMEs are pages of their folder; the front page takes in that of the repository.
exclude_patterns = ["README.md"]
templates_path = [str(Path(__file__).parent / "_templates")]

# In docstrings `name` is a name in code: a link where the site has it, code where not.
default_role = "py:obj"
add_module_names = False
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_class_signature = "mixed"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
maximum_signature_line_length = 88
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
numpydoc_xref_aliases = {name: name for name in DEFAULT_LINKS}  # no other sites to link to
numpydoc_xref_param_type = True
python_use_unqualified_type_names = True

# The notebooks have been run by `workbench run`; what they showed is what the pages show.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "Earth-observation workbench"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False


def _signature(
    _app: Any, _what: str, _name: str, thing: Any, _options: Any, arguments: Any, returned: Any
) -> tuple[str, ...] | None:
    """Mend signatures that Sphinx or numpydoc would trip over."""
    if isinstance(thing, GenericAlias):
        return ()  # none: numpydoc would give that of the type behind an alias
    if "<factory>" in (arguments or ""):  # a default of a dataclass, which is no Python
        return arguments.replace("<factory>", "..."), returned
    return None


def _left_out(_app: Any, _what: str, _name: str, thing: Any, *_: Any) -> bool | None:
    """Leave out type variables, and fields of named tuples about which nothing is said."""
    unsaid = str(getattr(thing, "__doc__", "")).startswith("Alias for field number")
    return True if unsaid or isinstance(thing, TypeVar) else None


SEVERAL = {
    "Acquisition", "Bounds", "Calibration", "Ground", "Image", "Limits", "Manifest", "Offer",
    "Product", "Result", "Situation", "Source",
}  # fmt: skip
"""Names in signatures that things in several modules have."""


def _mend_links(_app: Any, page: Any) -> None:
    """Let `type` and `int` in signatures be words; they would lead to any attribute so named.

    What several things are called leads to that of the same module, or nowhere.
    """
    for link in list(page.findall(pending_xref)):
        if not link.hasattr("refspecific"):
            continue
        if hasattr(builtins, link["reftarget"]):
            link.replace_self(Text(link["reftarget"]))
        elif link["reftarget"] in SEVERAL:
            del link["refspecific"]


def _plain_blocks(app: Any, page: str, _source: list[str]) -> None:
    """Colour nothing in Markdown blocks that name no language: commands and drawings."""
    if app.env.doc2path(page).suffix == ".md":
        app.env.temp_data["highlight_language"] = "none"


def setup(app: Any) -> None:
    """Let Sphinx ask here first."""
    app.connect("autodoc-process-signature", _signature, priority=400)
    app.connect("autodoc-skip-member", _left_out)
    app.connect("doctree-read", _mend_links)
    app.connect("source-read", _plain_blocks)
