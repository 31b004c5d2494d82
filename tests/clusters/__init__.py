"""Clusters in an AWS account: commands against a server that answers as the API does."""
