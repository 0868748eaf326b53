# SPDX-License-Identifier: Apache-2.0
"""Run a task's job: submit it, wait for it, resume after a deferral, cancel it on kill, and emit asset events."""
