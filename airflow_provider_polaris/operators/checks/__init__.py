# SPDX-License-Identifier: Apache-2.0
"""Check the rows that a job has written, after it has completed."""
