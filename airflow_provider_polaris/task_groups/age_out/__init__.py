# SPDX-License-Identifier: Apache-2.0
"""The tasks of an age-out: plan, copy, prove, delete."""
