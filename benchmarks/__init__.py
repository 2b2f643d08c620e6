"""Workloads measured side by side with what users know; nothing runs on import."""
