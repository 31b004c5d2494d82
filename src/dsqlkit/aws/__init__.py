"""What is on AWS: clusters, the chapters as Lambda functions, their zip and their stack."""
