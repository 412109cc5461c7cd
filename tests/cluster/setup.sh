#!/usr/bin/env bash
# Puts what stands before any scenario into the cluster of up.sh in DIR: namespaces, accounts, a kind, a Deployment to look into.
# With `permissive` every account may do everything, as in a staging environment; the narrow one alone keeps its role.
# Usage: setup.sh DIR [permissive]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:?usage: setup.sh DIR [permissive]}
kubectl=("${TIGHTFIT_KUBERNETES:-${XDG_CACHE_HOME:-$HOME/.cache}/tightfit/kubernetes-1.36.2}/bin/kubectl" --kubeconfig "$dir/admin.kubeconfig")
"${kubectl[@]}" apply -f "$here/objects/setup.yaml" >/dev/null
"${kubectl[@]}" wait --for=condition=Established crd/widgets.example.com --timeout=30s >/dev/null
"${kubectl[@]}" apply -f "$here/objects/widget.yaml" >/dev/null
# Every account that a scenario names: `# runs as: NAMESPACE/NAME[, narrowly]`.
sed -n 's/^# runs as: \(.*\)$/\1/p' "$here"/scenarios/*.sh | sort -u | while IFS=', ' read -r account narrowly; do
  namespace=${account%/*} name=${account#*/}
  "${kubectl[@]}" -n "$namespace" create serviceaccount "$name" --dry-run=client -o yaml | "${kubectl[@]}" apply -f - >/dev/null 2>&1
  if [ "${2:-}" = permissive ] && [ -z "$narrowly" ]; then
    "${kubectl[@]}" create clusterrolebinding "broad:$namespace:$name" --clusterrole=cluster-admin --serviceaccount="$namespace:$name" >/dev/null
  fi
done
if [ "${2:-}" = permissive ]; then
  "${kubectl[@]}" create clusterrolebinding broad:jane --clusterrole=cluster-admin --user=jane >/dev/null
  "${kubectl[@]}" -n shop create role narrow --verb=get --resource=configmaps >/dev/null
  "${kubectl[@]}" -n shop create rolebinding narrow --role=narrow --serviceaccount=shop:narrow >/dev/null
fi
"${kubectl[@]}" -n shop rollout status deployment/front --timeout=60s >/dev/null
