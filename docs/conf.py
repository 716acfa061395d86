"""How Sphinx builds these pages; `make docs` runs it, and takes warnings for errors."""

import sys
from importlib.metadata import metadata
from pathlib import Path

import sphinx_autosummary_accessors

import pruna_nb  # noqa: F401 - gives pandas' frames the accessor that the reference documents

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

PACKAGE = metadata("pruna_nb")
URLS = dict(text.split(", ", 1) for text in PACKAGE.get_all("Project-URL") or [])

project = "pruna_nb"
author = "the pruna_nb maintainers"
project_copyright = "the pruna_nb maintainers, under the Apache License 2.0"
release = version = PACKAGE["Version"]

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_autosummary_accessors",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
    "light_and_dark",
    "other_projects",
    "pages_from_sources",
    "pages_stay_offline",
    "social_card",
]
# The last is myst_nb's own, beside the pages it builds: a second build would take it for pages.
exclude_patterns = ["_build", "_ext", "_style", "_templates", "jupyter_execute"]
templates_path = ["_templates", sphinx_autosummary_accessors.templates_path]
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
# Types that have a page, here or elsewhere; other words of a type stay words.
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {
    "DataFrame": "pandas.DataFrame",
    "Series": "pandas.Series",
    "Path": "pathlib.Path",
    "timedelta": "datetime.timedelta",
    "BackgroundRun": "pruna_nb.frames.background.BackgroundRun",
    "ChainPlan": "pruna_nb.accessor.planning.ChainPlan",
    "Comparison": "pruna_nb.comparison.comparison.Comparison",
    "Estimate": "pruna_nb.frames.generate.Estimate",
    "Form": "pruna_nb.form.form.Form",
    "Grid": "pruna_nb.show.Grid",
    "Model": "pruna_nb.catalog.Model",
    "Output": "pruna_nb.single.Output",
    "Pairs": "pruna_nb.show.Pairs",
    "Table": "pruna_nb.show.table.Table",
}

# Quotes and ellipses become typographic, but an option's two hyphens stay as they are typed.
smartquotes_action = "qe"

# Prompts and outputs are not copied with the code.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
REPOSITORY_ICON = """<svg viewBox="0 0 24 24" width="1em" height="1em" aria-hidden="true"
fill="none" stroke="currentColor" stroke-width="2"><path d="m8 7-5 5 5 5M16 7l5 5-5 5"/></svg>"""
html_theme_options = {
    "footer_icons": [{"name": "Repository", "url": URLS["Source"], "html": REPOSITORY_ICON}],
}
html_static_path = ["_style"]
html_css_files = ["pages.css"]
# Furo's own dark style underlines the names of modules, which then look like links.
pygments_dark_style = "github-dark"
html_baseurl = URLS["Documentation"]
html_favicon = "_style/favicon.svg"
html_title = f"pruna_nb {release}"
html_show_sphinx = False
html_copy_source = False
