"""How Sphinx builds these pages; `make docs` runs it, and takes warnings for errors."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "pruna_nb"
author = "the pruna_nb developers"
project_copyright = "the pruna_nb developers, under the Apache License 2.0"
release = version = installed_version("pruna_nb")

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "pages_from_sources",
    "pages_stay_offline",
]
# The last is myst_nb's own, beside the pages it builds: a second build would take it for pages.
exclude_patterns = ["_build", "_ext", "_style", "jupyter_execute"]
default_role = "py:obj"

# What a page holds: definition lists, notes with :::, and links to every heading.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Notebooks come with the outputs that they were executed with (`make notebooks-keep`).
# An error is the cell's line and a message in words, which no lexer of tracebacks knows.
nb_render_error_lexer = "text"
nb_execution_mode = "off"
nb_execution_cache_path = str(HERE / "_build" / ".jupyter_cache")
# Live widgets would load their scripts from another host; what is saved is plain HTML.
nb_ipywidgets_js: dict[str, dict[str, str]] = {}

# numpydoc's sections say the types; a signature that repeats them cannot be read.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# Prompts and outputs are not copied with the code.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_static_path = ["_style"]
html_css_files = ["pages.css"]
# Furo's own dark style underlines the names of modules, which then look like links.
pygments_dark_style = "github-dark"
html_title = f"pruna_nb {release}"
html_show_sphinx = False
html_copy_source = False
