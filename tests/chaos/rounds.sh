#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A few rounds of chance that are always the same, for make check.
exec "$(dirname "$0")/chaos.sh" rounds 6 1
