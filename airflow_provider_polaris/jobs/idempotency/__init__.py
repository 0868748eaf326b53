# SPDX-License-Identifier: Apache-2.0
"""Recognize a job that this task submitted before: fingerprints of specs, and matching by marker or fingerprint."""
