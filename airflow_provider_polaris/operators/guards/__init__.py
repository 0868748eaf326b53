# SPDX-License-Identifier: Apache-2.0
"""Checks that run right before a job is submitted."""
