# SPDX-License-Identifier: Apache-2.0
"""Poll schedule, connection settings and request threads that all watchers share."""
