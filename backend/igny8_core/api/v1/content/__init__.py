"""Writing tasks, articles and their versions, images, taxonomies, cluster maps, attributes."""
