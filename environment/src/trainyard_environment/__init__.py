"""Builds environments: the packages that a session asks for, installed over those of its runtime.

`uv` resolves and installs; what the runtime has of torch, triton and NVIDIA's packages stays.

It runs by any Python from 3.9 on with the standard library alone: `install` writes it as one file,
and the program `uv` beside it.
"""
