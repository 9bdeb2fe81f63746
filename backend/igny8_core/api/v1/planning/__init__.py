"""Keywords, clusters, ideas and keyword files."""
