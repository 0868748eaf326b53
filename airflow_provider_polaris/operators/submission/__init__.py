# SPDX-License-Identifier: Apache-2.0
"""Submit a task's job exactly once, across retries, crashes and clears."""
