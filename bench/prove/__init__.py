"""What a proof of a large week costs."""
