#!/bin/sh
# A RUSTC_WORKSPACE_WRAPPER: builds this package, and only it, without the seccomp filter that makes sled fsync.
# tests/power_loss.py uses it, to show that the tests of durability can fail. Never for a build that serves.
exec "$@" --cfg keypairs_without_filter
