# SPDX-License-Identifier: Apache-2.0
"""Poll for completed jobs that change watched tables."""
