"""What a client's text is, and how a stream is cut into steps. No cluster runs."""
