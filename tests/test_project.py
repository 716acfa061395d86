"""The project as a whole: its lock, its wheel, its menu."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import pruna_nb

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
LOWEST = (ROOT / "requirements-lowest.lock").read_text()
TEXT_SUFFIXES = {".py", ".md", ".toml", ".lock", ".ipynb", ".csv", ".json", ".html", ".txt", ""}


def locked(lock=LOCK):
    """Return a lock's pins: (name, version, environment marker or "", hashes)."""
    pins = []
    for block in re.split(r"\n(?=\S)", lock.strip()):
        head, *rest = block.split("\n")
        requirement = Requirement(head.rstrip(" \\"))
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}", "\n".join(rest))
        pins.append((canonicalize_name(requirement.name), pin.version, requirement.marker, hashes))
    return pins


def required():
    """Give every requirement that pyproject.toml names, with the list that it is in."""
    project = PROJECT["project"]
    lists = {"dependencies": project["dependencies"]}
    lists |= project["optional-dependencies"] | PROJECT["dependency-groups"]
    pairs = [
        (where, Requirement(text))
        for where, texts in lists.items()
        for text in texts
        if isinstance(text, str)  # not one group that includes another
    ]
    return [(where, req) for where, req in pairs if req.name != project["name"]]


def git_files(*options):
    """Return what git lists, by names below the project's root."""
    command = ["git", "ls-files", *options]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def project_files():
    """Return the project's own text files: those of git, or of an unpacked source distribution."""
    if (ROOT / ".git").exists():
        paths = [ROOT / name for name in git_files("--cached", "--others", "--exclude-standard")]
    else:
        made = re.compile(
            r"\.venv.*|build|dist|_build|jupyter_execute|__pycache__|\..*_cache|\.hyp.*"
        )
        paths = [
            path
            for path in ROOT.rglob("*")
            if not any(made.fullmatch(part) for part in path.relative_to(ROOT).parts)
        ]
    files = [path for path in paths if path.suffix in TEXT_SUFFIXES and path.is_file()]
    assert len(files) > 300
    return files


both_locks = pytest.mark.parametrize("lock", [LOCK, LOWEST], ids=["newest", "lowest"])


@both_locks
def test_every_pin_of_the_lock_has_hashes(lock):
    assert [name for name, _, _, hashes in locked(lock) if not hashes] == []


@both_locks
def test_the_lock_names_no_host_and_no_path(lock):
    pins = "\n".join(line for line in lock.splitlines() if not line.lstrip().startswith("#"))
    assert re.findall(r"\S*(?:://|file:|@|/)\S*|^-.*", pins, flags=re.MULTILINE) == []


@pytest.mark.parametrize(("where", "requirement"), required(), ids=str)
def test_the_lock_holds_a_version_that_the_project_accepts(where, requirement):
    name = canonicalize_name(requirement.name)
    versions = [pin for pinned, pin, _, _ in locked() if pinned == name]
    assert versions, f"{where}: {name} is not in requirements.lock; run `make lock`"
    assert all(requirement.specifier.contains(pin) for pin in versions)


@pytest.mark.parametrize(
    ("where", "requirement"),
    [pair for pair in required() if pair[0] not in PROJECT["dependency-groups"]],
    ids=str,
)
def test_the_lowest_lock_holds_the_lower_bound_itself(where, requirement):
    name = canonicalize_name(requirement.name)
    (bound,) = [part.version for part in requirement.specifier if part.operator == ">="]
    pins = {Version(pin) for pinned, pin, _, _ in locked(LOWEST) if pinned == name}
    assert pins == {Version(bound)}, f"{where}: raise the bound, or run `make lock`"


def test_the_extra_all_holds_every_other_extra():
    extras = PROJECT["project"]["optional-dependencies"]
    (everything,) = map(Requirement, extras["all"])
    assert everything.extras == extras.keys() - {"all"}


def test_every_rule_that_is_ignored_has_its_reason():
    text = (ROOT / "pyproject.toml").read_text()
    ruff = text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.pydocstyle]")]
    ignored = re.findall(r'^ +"[A-Z]+\d*",.*$', ruff, flags=re.MULTILINE)
    assert len(ignored) > 10
    assert [line for line in ignored if not re.search(r"# \S+ \S+", line)] == []


def test_the_wheel_carries_the_catalogue_the_demo_and_the_mark_of_its_types(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = [archive.read(name).decode() for name in names if name.endswith("METADATA")]
    assert {
        "pruna_nb/py.typed",
        "pruna_nb/catalog/models.json",
        "pruna_nb/emulator/shapes.txt",
    } <= set(names)
    assert [name for name in names if re.fullmatch(r"pruna_nb/.*\.csv", name)]
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    assert [name for name in names if not re.match(r"pruna_nb(/|-0)", name)] == []
    # What the index shows beside and below the name.
    head, _, page = metadata.partition("\n\n")
    addresses = dict(re.findall(r"^Project-URL: (\w+), (https://\S+)$", head, re.MULTILINE))
    assert {"Homepage", "Documentation", "Source", "Issues", "Changelog"} == addresses.keys()
    assert "\nAuthor: " in head
    assert page == (ROOT / "README.md").read_text()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a source distribution has what was built")
def test_nothing_stands_at_the_top_that_a_test_or_a_tool_left_there():
    files = {".gitignore", ".pre-commit-config.yaml", "LICENSE", "Makefile", "pyproject.toml"}
    files |= {f"{name}.md" for name in ("README", "SECURITY", "CODE_OF_CONDUCT")} | {"CITATION.cff"}
    files |= {"requirements.lock", "requirements-lowest.lock"}
    folders = {".ci", ".github", "benchmarks", "docs", "notebooks", "pruna_nb", "tests"}
    assert {Path(name).parts[0] for name in git_files()} == files | folders


def test_no_file_of_the_project_holds_a_path_of_this_machine():
    here = [f"{folder}/" for folder in (ROOT, Path.home())]
    texts = {path: path.read_text(encoding="utf-8") for path in project_files()}
    assert [path.name for path, text in texts.items() if any(part in text for part in here)] == []


def test_the_menu_is_sorted_and_agrees_with_what_is_there():
    menu = pruna_nb.__all__
    assert menu == sorted(menu)
    assert [name for name in menu if not hasattr(pruna_nb, name)] == []
    assert [name for name in dir(pruna_nb) if not name.startswith("_") and name not in menu] == []


def test_the_version_is_the_projects_and_the_changelog_begins_with_it():
    changelog = (ROOT / "docs" / "changelog.md").read_text()
    assert pruna_nb.__version__ == PROJECT["project"]["version"] == version("pruna_nb")
    assert re.search(r"^## (\S+)", changelog, flags=re.MULTILINE)[1] == pruna_nb.__version__


def test_the_citation_names_the_version():
    assert f"\nversion: {pruna_nb.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_every_action_of_a_workflow_is_named_by_a_commit():
    flows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    if not flows:  # the source distribution leaves them out
        pytest.skip("there are no workflows here")
    used = [line for flow in flows for line in re.findall(r"uses: *(.+)", flow.read_text())]
    assert len(used) > 10
    assert [line for line in used if not re.search(r"@[0-9a-f]{40} # v\d", line)] == []


def test_importing_the_package_loads_nothing_heavy_and_makes_no_folder(tmp_path):
    script = "import sys, pruna_nb; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    loaded = set(done.stdout.split())
    heavy = (
        "ipywidgets IPython PIL joblib sqlite3 tqdm scipy matplotlib av starlette uvicorn polars "
        "pandas numpy"
    )
    assert "pruna_nb.settings" in loaded
    assert sorted(loaded.intersection(heavy.split())) == []
    assert list(tmp_path.iterdir()) == []
