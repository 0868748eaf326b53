# SPDX-License-Identifier: Apache-2.0
"""Reads of a cluster that consist of several requests, and what the clients of one task remember of them."""
