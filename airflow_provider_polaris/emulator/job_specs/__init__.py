# SPDX-License-Identifier: Apache-2.0
"""Validation of job specifications."""
