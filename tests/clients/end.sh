#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Ends an engine that start.sh has made in BASE, takes off what its storage has
# mounted there, and removes BASE.
#
# usage: end.sh BASE
base=$1
[ ! -x "$base/stop" ] || "$base/stop"
awk -v b="$base/" 'index($2, b) == 1 { print $2 }' /proc/self/mounts |
	sort -r | xargs -r -n1 umount -l
rm -rf "$base"
