# SPDX-License-Identifier: Apache-2.0
"""Pure half of the guards: row counts before a replace, lost rows, and conflicting jobs."""
