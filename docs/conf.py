# SPDX-License-Identifier: Apache-2.0
"""
The configuration of Sphinx: pages are written in Markdown, the reference is generated from docstrings.

Neither the build nor the pages fetch anything from other sites: no fonts, scripts or inventories.
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

# Importing Airflow writes its configuration; it must not be written to the user's home folder.
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

#: Headings have the same anchors as on a Git host: their text in lower case.
myst_heading_anchors = 4

# Names are documented under the path from which users import them.
add_module_names = False
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
python_maximum_signature_line_length = 90

# Each name of this package in a docstring must be in the reference; names of other packages are plain text.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(?!airflow_provider_polaris\.|Polaris).*"),
    # Annotations.
    (r"py:.*", r"airflow_provider_polaris\.jobs\.spec\.sources\.(Annotated|OtherSource)"),
    (r"py:.*", r"airflow_provider_polaris\.operators\.openlineage\.Attempt"),
    (r"py:.*", r"airflow_provider_polaris\.client\.dbapi\.(connection\.QueryService|cursor\.QueryRunner)"),
    # Until a second service has pages of its own.
    (r"py:.*", r"airflow_provider_polaris\.client\.capabilities\.Capabilities"),
]


def find_by_short_name(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Resolve ``:class:`Name``` if exactly one object has that name, because modules import from each other."""
    name = node.get("reftarget", "").rpartition(".")[2]
    found = {full: entry for full, entry in env.get_domain("py").objects.items() if full.rpartition(".")[2] == name}
    matches = {entry.node_id: (full, entry) for full, entry in found.items()}
    if node.get("refdomain") != "py" or len(matches) != 1:
        return None
    from sphinx.util.nodes import make_refnode

    ((full, entry),) = matches.values()
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, full)


def write_changelog(_app: Any, docname: str, source: list[str]) -> None:
    """Build the changelog page: unreleased changes first, then the released versions."""
    if docname != "changelog":
        return
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "Unreleased", "--dir", str(root)]
    draft = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    head, marker, released = (root / "CHANGELOG.md").read_text().partition("<!-- towncrier release notes start -->\n")
    assert marker
    source[0] = f"{head}\n{draft}\n{released}"


def setup(app: Any) -> None:
    """Connect the handlers of this file to Sphinx."""
    app.connect("source-read", write_changelog)
    app.connect("missing-reference", find_by_short_name)
