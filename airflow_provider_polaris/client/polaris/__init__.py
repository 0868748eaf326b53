# SPDX-License-Identifier: Apache-2.0
"""Adapter for Imply Polaris: its endpoints, credentials, error forms and settings."""
