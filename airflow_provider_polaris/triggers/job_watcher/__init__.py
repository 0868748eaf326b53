# SPDX-License-Identifier: Apache-2.0
"""Poll the status of jobs for all waiting triggers."""
