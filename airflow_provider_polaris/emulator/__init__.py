# SPDX-License-Identifier: Apache-2.0
"""A local Imply Polaris for tests and experiments: the wire format of the service over DuckDB."""
