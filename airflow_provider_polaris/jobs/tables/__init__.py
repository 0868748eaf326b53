# SPDX-License-Identifier: Apache-2.0
"""Properties of a table: description, storage policy, and rules for its name."""
