"""The parts of tests/sdk/crash_matrix.py."""
