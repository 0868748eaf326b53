# SPDX-License-Identifier: Apache-2.0
"""From the text of Druid SQL to a tree: tokens, the parser, and what Druid's parser refuses."""
