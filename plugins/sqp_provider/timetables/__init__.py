"""Schedule: data intervals equal to the period, run after a publication delay."""
