"""Who asks, and what he may: tokens become callers, callers become access to projects."""
