"""May this number be called now? Pure: facts, packs and time in, a verdict out."""
