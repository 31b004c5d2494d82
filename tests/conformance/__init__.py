"""The local cluster asked what recorded clusters were asked (src/dsqlkit/probing)."""
