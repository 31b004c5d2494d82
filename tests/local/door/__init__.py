"""Coming in: TLS, tokens, roles, start-up options, clients that send what they may not."""
