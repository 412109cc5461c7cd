#!/bin/sh
# Builds netpol-analyzer (Apache-2.0, github.com/np-guard/netpol-analyzer, pinned in go/go.mod) as a judge of NetworkPolicies into a
# folder of your own, and says how to use it. Needs Go and its module proxy.
# What is built already is not built again: the folder remembers what it was built from.
set -eu
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/tightfit/netpol-analyzer}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/go"
built=$( (go version; cat go.mod go.sum main.go) | sha256sum | cut -d' ' -f1)
if [ "$(cat "$folder/.built" 2>/dev/null)" != "$built" ]; then
  rm -f "$folder/.built"
  go build -trimpath -o "$folder/judge" .
  echo "$built" >"$folder/.built"
fi
echo "now: TIGHTFIT_NETPOL_ANALYZER=$folder/judge cargo test --test netpol"
