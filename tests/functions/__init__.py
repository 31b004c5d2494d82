"""The chapters as Lambda functions: their requests, their zip, the runtime that calls them."""
