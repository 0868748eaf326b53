# SPDX-License-Identifier: Apache-2.0
"""Pure half of the age-out task group: the window of a run, the plan, and the job history of a table."""
