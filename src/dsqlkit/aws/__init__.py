"""What runs on AWS: the chapters as Lambda functions, and the zip that holds them."""
