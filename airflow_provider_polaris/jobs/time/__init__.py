# SPDX-License-Identifier: Apache-2.0
"""Instants, periods, granularities and intervals, all in UTC."""
