# SPDX-License-Identifier: Apache-2.0
"""What the oldest supported release of sqlglot doesn't parse: the emulator refuses it as invalid instead of by name."""

from __future__ import annotations

import pytest
import sqlglot
from packaging.version import Version

SQLGLOT_30 = pytest.mark.skipif(Version(sqlglot.__version__) < Version("30"), reason="for sqlglot 30 and newer")
