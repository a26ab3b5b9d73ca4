#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One process at each step of the journal, for make check.
exec "$(dirname "$0")/chaos.sh" table sample
