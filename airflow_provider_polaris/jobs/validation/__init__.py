# SPDX-License-Identifier: Apache-2.0
"""Rules that a job must meet before it is sent."""
