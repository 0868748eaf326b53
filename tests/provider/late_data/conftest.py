"""Two tables on an emulator, as in the tests of aging."""

from __future__ import annotations

from tests.provider.aging.conftest import aging_clock, clock, connected, make_world, polaris, world

__all__ = ["aging_clock", "clock", "connected", "make_world", "polaris", "world"]
