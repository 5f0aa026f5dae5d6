#!/bin/sh
# As without_filter.sh, and without the committer's own fsync too: only what sled itself does is left.
exec "$@" --cfg keypairs_without_filter --cfg keypairs_without_fsync
