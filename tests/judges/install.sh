#!/bin/sh
# Builds the judges made of Kubernetes' own code into a folder of your own, and says how to use them. Needs Go and its module proxy.
# What is built already is not built again: the folder remembers what it was built from.
set -eu
folder=${1:?usage: tests/judges/install.sh FOLDER}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/../cluster/go"
built=$( (go version; cat go.mod go.sum rbac/* defaults/* podsec/* auditpolicy/*) | sha256sum | cut -d' ' -f1)
if [ "$(cat "$folder/.built" 2>/dev/null)" != "$built" ]; then
  rm -f "$folder/.built"
  go build -trimpath -o "$folder/" ./rbac ./defaults ./auditpolicy
  (cd podsec && go build -trimpath -o "$folder/podsec" .)
  # Upstream's own pods, for every version, come with its library.
  rm -rf "$folder/pods"
  cp -r "$(cd podsec && go list -m -f '{{.Dir}}' k8s.io/pod-security-admission)/test/testdata" "$folder/pods"
  chmod -R u+w "$folder/pods"
  echo "$built" >"$folder/.built"
fi
echo "now: TIGHTFIT_KUBE_JUDGES=$folder cargo test --test judges"
