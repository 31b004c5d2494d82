"""What dsqlkit does in an AWS account: clusters, the chapters' Lambda functions, their stack."""
