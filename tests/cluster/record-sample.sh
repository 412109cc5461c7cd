#!/usr/bin/env bash
# Records samples/kubernetes-recorded anew: the story's scripts on a cluster of our own, and of its audit log what concerns them.
# Names that the server chose, times and addresses change with every recording. Usage: record-sample.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export TIGHTFIT_KUBERNETES=${TIGHTFIT_KUBERNETES:-${XDG_CACHE_HOME:-$HOME/.cache}/tightfit/kubernetes-1.36.2}
dir=$(mktemp -d)
trap 'code=$?; "$here/down.sh" "$dir"; rm -rf "$dir"; exit $code' EXIT
"$here/up.sh" "$dir"
kubectl=("$TIGHTFIT_KUBERNETES/bin/kubectl" --kubeconfig "$dir/admin.kubeconfig")
for namespace in shop ci ops; do "${kubectl[@]}" create namespace "$namespace"; done
"${kubectl[@]}" -n ci create serviceaccount deployer
"${kubectl[@]}" -n ops create serviceaccount on-call
"${kubectl[@]}" create clusterrolebinding staging-deployer --clusterrole=cluster-admin --serviceaccount=ci:deployer
"${kubectl[@]}" -n shop create rolebinding staging-edit --clusterrole=edit --serviceaccount=ops:on-call --group=system:serviceaccounts:shop
"${kubectl[@]}" -n shop create role staging-leases --verb='*' --resource=leases.coordination.k8s.io
"${kubectl[@]}" -n shop create rolebinding staging-leases --role=staging-leases --group=system:serviceaccounts:shop
for script in "$here"/story/*.sh; do "$here/scenario.sh" "$dir" "$script"; done
"$here/down.sh" "$dir"
out=$here/../../samples/kubernetes-recorded/log
mkdir -p "$out"
# The story's accounts, and what the controllers and the node did for its pods; heartbeats and the set-up are left out.
python3 - "$dir/audit.log" >"$out/audit.log" <<'P'
import json, sys
with open(sys.argv[1], encoding="utf-8") as log:
    for line in log:
        event = json.loads(line)
        who, target = event["user"]["username"], event.get("objectRef", {})
        ours = who in ("system:serviceaccount:ci:deployer", "system:serviceaccount:ops:on-call", "system:serviceaccount:shop:page")
        pods = target.get("namespace") == "shop" and target.get("resource") in ("pods", "replicasets") and who.startswith("system:")
        if ours or pods and event["verb"] in ("create", "patch"):
            print(line, end="")
P
wc "$out/audit.log"
