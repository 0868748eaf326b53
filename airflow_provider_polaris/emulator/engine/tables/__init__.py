# SPDX-License-Identifier: Apache-2.0
"""Stored tables and their segments."""
