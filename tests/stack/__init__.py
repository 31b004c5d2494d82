"""The CDK stack: its template, and the commands that deploy it."""
