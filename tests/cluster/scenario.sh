#!/usr/bin/env bash
# Runs one scenario as its account, against the cluster of up.sh in DIR. Every call in it must succeed; one that must be refused,
# or that must fail after it was authorized, says so. Usage: scenario.sh DIR SCRIPT
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(cd "${1:?usage: scenario.sh DIR SCRIPT}" && pwd)
script=${2:?usage: scenario.sh DIR SCRIPT}
account=$(sed -n 's/^# runs as: \([^,]*\).*$/\1/p' "$script")
PATH=${TIGHTFIT_KUBERNETES:-${XDG_CACHE_HOME:-$HOME/.cache}/tightfit/kubernetes-1.36.2}/bin:$PATH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
admin=(kubectl --kubeconfig "$dir/admin.kubeconfig")
# A program in a pod has a token that says which; the log then names the pod.
selector=$(sed -n 's/^# in a pod of: //p' "$script")
bound=()
if [ -n "$selector" ]; then
  pod=$("${admin[@]}" -n "${account%/*}" get pods -l "$selector" --sort-by=.metadata.creationTimestamp -o 'jsonpath={.items[-1:].metadata.name}')
  bound=(--bound-object-kind Pod --bound-object-name "$pod")
fi
token=$("${admin[@]}" -n "${account%/*}" create token "${account#*/}" "${bound[@]}")
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export KUBECONFIG=$scratch/kubeconfig HOME=$scratch
kubectl config set-cluster test --server "$("${admin[@]}" config view -o 'jsonpath={.clusters[0].cluster.server}')" \
  --certificate-authority "$dir/pki/ca.crt" >/dev/null
kubectl config set-credentials account --token "$token" >/dev/null
kubectl config set-context test --cluster test --user account >/dev/null
kubectl config use-context test >/dev/null

# The API server must refuse it: not found, invalid or unreachable is not a refusal.
refused() {
  if "$@" >/dev/null 2>"$scratch/said"; then echo "not refused: $*" >&2; return 1; fi
  grep -q -i forbidden "$scratch/said" || { echo "failed, but not refused: $*" >&2; cat "$scratch/said" >&2; return 1; }
}
# It must fail, yet not be refused.
fails() {
  if "$@" >/dev/null 2>"$scratch/said"; then echo "did not fail: $*" >&2; return 1; fi
  if grep -q -i forbidden "$scratch/said"; then cat "$scratch/said" >&2; return 1; fi
}
objects=$here/objects pki=$dir/pki
# The function's own `set -e` must hold: the script is read into this shell.
# shellcheck disable=SC1090
source "$script"
