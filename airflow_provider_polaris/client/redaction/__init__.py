# SPDX-License-Identifier: Apache-2.0
"""Mask secrets in every text that leaves the client."""
