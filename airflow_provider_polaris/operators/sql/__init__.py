# SPDX-License-Identifier: Apache-2.0
"""What the operator of SQL jobs does: build its job from a statement, and guard it."""
