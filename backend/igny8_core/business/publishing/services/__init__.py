"""What publishing does: build sites, put them live, take them back."""
