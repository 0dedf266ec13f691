"""Tools for those who work on Patchbay itself. Nothing imports them but the command line."""
