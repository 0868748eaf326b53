# SPDX-License-Identifier: Apache-2.0
"""The wire format: requests, errors, names, intervals and identifiers."""
