# SPDX-License-Identifier: Apache-2.0
"""HTTP transport that is independent of any service: requests, time limits, retries, paging and errors."""
