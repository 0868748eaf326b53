# SPDX-License-Identifier: Apache-2.0
"""Poll tables for data that waiting tasks need."""
