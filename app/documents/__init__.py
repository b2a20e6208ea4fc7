"""The documents that follow the code. What is committed is what the code does: a test writes it all again."""
