# SPDX-License-Identifier: Apache-2.0
"""Task groups that age out and backfill tables."""
