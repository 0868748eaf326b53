# SPDX-License-Identifier: Apache-2.0
"""The interface of the emulator for tests."""
