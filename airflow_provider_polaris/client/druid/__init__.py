# SPDX-License-Identifier: Apache-2.0
"""Adapter for a self-hosted Apache Druid: its endpoints, credentials, error forms and settings."""
