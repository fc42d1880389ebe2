"""Rerankers over windows with simulated rankers: what ``benchmarks/rerank.py`` measures."""
