"""The doubles of the clouds: what tests/sdk/doubles.py is made of. Nothing here ships."""
