# SPDX-License-Identifier: Apache-2.0
"""Time zones, periods, instants and Joda-Time patterns in SQL."""
