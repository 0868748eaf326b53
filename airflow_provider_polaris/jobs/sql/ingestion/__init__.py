# SPDX-License-Identifier: Apache-2.0
"""Read what an ``INSERT INTO`` or ``REPLACE INTO`` statement writes, replaces and reads; performs no I/O."""
