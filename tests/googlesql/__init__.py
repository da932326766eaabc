"""Google's own analyzer and evaluator of GoogleSQL, and what the statements of the project are in them."""
