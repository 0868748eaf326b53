# SPDX-License-Identifier: Apache-2.0
"""State and health of a job, the decision to keep waiting, and the evaluation of its result."""
