# SPDX-License-Identifier: Apache-2.0
"""Wait for queries and tables that tasks need before they submit their jobs."""
