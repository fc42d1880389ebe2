"""What computes: embedders, cross-encoders and language models behind small protocols.

Also the catalogue of model files, the cache that holds them, and the estimate
of their floating-point operations.
"""
