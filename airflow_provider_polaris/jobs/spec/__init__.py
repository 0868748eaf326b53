# SPDX-License-Identifier: Apache-2.0
"""Models of job specs, their sources, and the keys that this package adds to a job's context."""
