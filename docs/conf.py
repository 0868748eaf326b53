# SPDX-License-Identifier: Apache-2.0
"""
How Sphinx builds these pages: Markdown for what is told, docstrings for what is looked up.

Nothing is fetched while it builds or while somebody reads: no fonts, scripts or inventories of other sites.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from airflow_provider_polaris import __version__

# Importing Airflow writes its configuration; that is no part of the reader's home.
HOME = tempfile.mkdtemp(prefix="airflow-docs-home-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = HOME
os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "WARNING"

project = "airflow-provider-polaris"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["examples"]
highlight_language = "text"
html_theme = "furo"
html_title = f"Imply Polaris for Airflow {__version__}"
html_show_copyright = html_show_sourcelink = html_show_sphinx = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_theme_options = {"navigation_with_keys": True}

#: Headings can be linked to as on a Git host: by their text in lower case.
myst_heading_anchors = 4

# What users import is documented under the name by which they import it.
add_module_names = False
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
python_maximum_signature_line_length = 90

# Each name of this package that a docstring refers to has to be in the reference; names of others are text.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(?!airflow_provider_polaris\.|Polaris).*"),
    # Annotations.
    (r"py:.*", r"airflow_provider_polaris\.jobs\.spec\.sources\.(Annotated|OtherSource)"),
    (r"py:.*", r"airflow_provider_polaris\.operators\.openlineage\.Attempt"),
]


def find_by_short_name(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Resolve ``:class:`Name``` wherever there is one thing of that name; modules import from each other."""
    name = node.get("reftarget", "").rpartition(".")[2]
    found = {full: entry for full, entry in env.get_domain("py").objects.items() if full.rpartition(".")[2] == name}
    matches = {entry.node_id: (full, entry) for full, entry in found.items()}
    if node.get("refdomain") != "py" or len(matches) != 1:
        return None
    from sphinx.util.nodes import make_refnode

    ((full, entry),) = matches.values()
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, full)


def write_changelog(_app: Any, docname: str, source: list[str]) -> None:
    """Make the page of what was released and, before it, of what wasn't yet."""
    if docname != "changelog":
        return
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "Unreleased", "--dir", str(root)]
    draft = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    head, marker, released = (root / "CHANGELOG.md").read_text().partition("<!-- towncrier release notes start -->\n")
    assert marker
    source[0] = f"{head}\n{draft}\n{released}"


def setup(app: Any) -> None:
    """Hook in."""
    app.connect("source-read", write_changelog)
    app.connect("missing-reference", find_by_short_name)
