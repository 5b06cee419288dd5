"""Kinds of servable, one module each: the only places that import a model framework.

A kind is found by its platform name in the entry-point group ``kernel_server.servables``; a package
of your own adds one by declaring an entry point there. Platform ``tensorflow``, which is what configurations
name and what a single model has, goes by the files in the version folder: see :mod:`.by_content`.
"""
