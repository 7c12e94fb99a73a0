"""Built-in street pictures with exact labels: drawn by a program, so that everything runs without a download."""
