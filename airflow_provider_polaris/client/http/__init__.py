"""HTTP transport that is independent of any service: requests, time limits, retries, paging and errors."""
