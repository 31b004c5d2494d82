"""The library behind `dsqlkit bench`: its figures, its proof, its page."""
