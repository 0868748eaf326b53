# SPDX-License-Identifier: Apache-2.0
"""Creation, progress and completion of the emulated jobs."""
