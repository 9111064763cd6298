"""Pinakes, the open model metadata store."""
