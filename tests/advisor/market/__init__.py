"""What the advisor proposes for queries that applications send, against indexes built by hand."""
