#!/usr/bin/env bash
# Ends the cluster that up.sh started in DIR, process by process, last started first; its logs stay. Usage: down.sh DIR
set -uo pipefail
dir=${1:?usage: down.sh DIR}
[ -e "$dir/pids" ] || exit 0
for pid in $(tac "$dir/pids"); do
  kill "$pid" 2>/dev/null || continue
  for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  kill -9 "$pid" 2>/dev/null
done
rm -rf "$dir/pids" "$dir/etcd"
