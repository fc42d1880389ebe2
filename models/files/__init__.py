"""Model files on disk: the catalogue, the cache, and how bytes come into it.

Nothing here computes what a pipeline puts out; fingerprints hold the files' digests instead.
"""

COMPUTES = False
"""No output depends on this code; see ``assay.pipeline.identity``."""
