# SPDX-License-Identifier: Apache-2.0
"""Tables, files and storage policies of the emulated project."""
