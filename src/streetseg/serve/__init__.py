"""HTTP API and its page: exported models that label images and videos for other programs, without torch.

`serve` runs worker processes and replaces those that die; each worker answers requests by the routes of `app`.
"""
