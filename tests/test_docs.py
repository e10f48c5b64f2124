"""The guides name what exists, and the reference lists what is public."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGES = ("efast", "egms_io", "spaceeye", "tiling", "workbench")
FACES = ("efast", "egms_io", "spaceeye", "tiling.scenes", "tiling.sentinel1", "workbench")
TOP = "|".join((*PACKAGES, "benchmarks", "docs", "notebooks", "tests"))
GUIDES = [
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
]

NAME = re.compile(rf"(?<![\w./-])(?:{'|'.join(PACKAGES)})(?:\.[a-z_A-Z]\w*)+(?![\w*/-])")
FILE = re.compile(rf"(?<![\w./:-])(?:{TOP})/[\w./*-]+\.(?:py|ipynb|md|yaml|png)\b")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")

RESULTS = re.compile(r"(spaceeye|efast)\.(nc|zarr)")
"""Files that a run writes; they look like names."""


def settings():
    """Return the dotted names of the settings in workbench.yaml, and of all above them."""

    def names(branch, above):
        for key, value in branch.items() if isinstance(branch, dict) else ():
            yield f"{above}{key}"
            yield from names(value, f"{above}{key}.")

    return set(names(yaml.safe_load((ROOT / "workbench" / "workbench.yaml").read_text()), ""))


def entry_points():
    """Return the groups of entry points by which systems add commands and samples."""
    return set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"])


def exists(name):
    """Tell whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for part in parts[n:]:
            if not hasattr(thing, part):
                return part in getattr(thing, "__dataclass_fields__", {})
            thing = getattr(thing, part)
        return True
    return False


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_and_files_exist(guide):
    text = guide.read_text()
    names = {name for name in NAME.findall(text) if not RESULTS.match(name)}
    strange = {name for name in names - settings() - entry_points() if not exists(name)}
    absent = {name for name in FILE.findall(text) if not any(ROOT.glob(name))}
    links = (guide.parent / link for link in LINK.findall(text))
    broken = {str(link) for link in links if not link.exists()}
    assert not strange | absent | broken


def test_the_house_page_knows_every_room_and_no_other():
    """Words in code on that page are modules, or names that are defined in one."""
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    source = "\n".join(path.read_text() for path in modules)
    known = {path.stem for path in modules} | {"GeoBox", "reflectance", "weight"}
    known |= set(re.findall(r"^(?:class|def|    def) (\w+)", source, re.M))
    text = (ROOT / "docs" / "house.md").read_text()
    assert set(re.findall(r"`([A-Za-z_]\w*)`", text)) - known - set(PACKAGES) == set()
    rooms = {".".join(path.parent.relative_to(ROOT).parts) for path in modules}
    assert rooms - set(re.findall(r"`([\w.]+)`", text)) == set()


def listed():
    """Return the dotted names that the reference lists; on the site each has a page or an entry."""
    for page in (ROOT / "docs" / "api").glob("*.rst"):
        text = page.read_text()
        current = re.search(r"^\.\. currentmodule:: (\S+)$", text, re.M)
        above = f"{current[1]}." if current else ""
        yield from (above + name for name in re.findall(r"^ {3}([\w.]+)$", text, re.M))
        directly = re.findall(r"^\.\. (?:py:data|autoexception):: (\w+)$", text, re.M)
        yield from (above + name for name in directly)


def public_modules():
    """Return the modules of the shared floors that say what is public in them."""
    for path in sorted((ROOT / "workbench").rglob("[!_]*.py")):
        if "\n__all__ = " in path.read_text():
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("package", FACES)
def test_the_reference_lists_every_public_name(package):
    names = {f"{package}.{name}" for name in importlib.import_module(package).__all__}
    assert sorted(names - set(listed())) == []


def test_the_reference_lists_every_module_of_the_shared_floors():
    found = set(listed())  # a room that is listed shows the names of its modules
    assert [m for m in public_modules() if not {m, m.rpartition(".")[0]} & found] == []


def shown(default):
    """Return a default of an option of Sentinel-1 as its guide has it."""
    from tiling.sentinel1.configuration.options import REQUIRED, UNSET, Below

    if isinstance(default, Below):
        return f"`{{output}}/{default.name}`"
    if default in (None, (), "", REQUIRED, UNSET):
        return {REQUIRED: "required", UNSET: "EGM96"}.get(default, "")
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_the_guide_of_sentinel1_lists_every_option():
    """Those that count with their defaults; those without effect in either of two tables."""
    from tiling.sentinel1.configuration.optiontable import OPTIONS

    counting, idle = (ROOT / "docs" / "sentinel1.md").read_text().split("### Options without")
    listed = re.findall(r"^\| `(\w+\.\w+)` \|([^|]*)\|", counting, re.M)
    rows = {title: default.strip() for title, default in listed}
    idle = idle.partition("\n## ")[0]
    single = [option for option in OPTIONS if "." not in option.name]
    expected = {o.title: shown(o.default) for o in single if not o.without_effect}
    assert {title: rows.get(title) for title in expected} == expected
    assert len(rows) == len(listed)
    without = {option.title for option in single if option.without_effect}
    told = set(re.findall(r"`(\w+\.\w+)`", idle))
    assert told <= without
    assert rows.keys() - expected.keys() == without - told


def test_the_guide_of_scenes_lists_every_key_and_every_code():
    from tiling.scenes.meta.codes import CODES
    from tiling.scenes.meta.keys import table

    text = (ROOT / "docs" / "scenes.md").read_text()
    keys = text.partition("| key | value | default |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(.+)` \| (.+) \| (.+) \|$", keys, re.M) == table()
    codes = re.findall(r"^\| ([EW]\d{3}b?) \| (.+) \|$", text, re.M)
    assert codes == list(CODES.items())


def test_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
