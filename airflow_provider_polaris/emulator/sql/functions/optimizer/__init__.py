# SPDX-License-Identifier: Apache-2.0
"""What Druid's optimizer makes of an expression, where that has another result than the expression."""
