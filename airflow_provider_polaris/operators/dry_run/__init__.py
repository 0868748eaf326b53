# SPDX-License-Identifier: Apache-2.0
"""Log what a task would do, without submitting a job."""
