# SPDX-License-Identifier: Apache-2.0
"""Typed SQL values and the stored forms of measures."""
