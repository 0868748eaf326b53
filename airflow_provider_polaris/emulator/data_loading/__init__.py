# SPDX-License-Identifier: Apache-2.0
"""Loading of rows from files and from tests into tables."""
