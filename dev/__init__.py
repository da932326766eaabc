"""The developer stack: embedded services, sample data and the demo. Nothing here runs in production."""
