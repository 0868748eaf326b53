# SPDX-License-Identifier: Apache-2.0
"""Cancel the job of a task that was killed while its trigger waited."""
