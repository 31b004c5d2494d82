"""The protocol as bytes: frames, links, damaged streams."""
