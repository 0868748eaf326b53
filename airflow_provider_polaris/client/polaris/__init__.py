"""Adapter for Imply Polaris: its endpoints, credentials, error forms and settings."""
