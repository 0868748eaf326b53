# SPDX-License-Identifier: Apache-2.0
"""Two tables on an emulator, as in the tests of aging."""

from __future__ import annotations

from tests.task_groups.age_out.conftest import aging_clock, clock, connected, make_world, polaris, world

__all__ = ["aging_clock", "clock", "connected", "make_world", "polaris", "world"]
