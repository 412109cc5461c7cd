#!/usr/bin/env bash
# Builds the programs of the test cluster into DIR/bin, from the Go module proxy alone: kube-apiserver, kube-controller-manager and
# kubectl of the version that go/go.mod pins, and the stand-in for nodes. What stands there already is built again only when the
# module or its sources changed. etcd is Debian's. Usage: install.sh DIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:?usage: install.sh DIR}
mkdir -p "$dir/bin"
cd "$here/go"
command -v go >/dev/null || { echo "Go is needed to build Kubernetes (https://go.dev/dl, or apt-get install golang)" >&2; exit 1; }
version=$(sed -n 's|^require k8s.io/kubernetes \(v.*\)$|\1|p' go.mod)

# Builds what follows into bin, unless the files before `--` are as they were when it was built last.
built() {
  local name=$1 stamp files=()
  shift
  while [ "$1" != -- ]; do files+=("$1"); shift; done
  shift
  stamp="$dir/$name.sha256"
  if [ -e "$stamp" ] && sha256sum --check --status "$stamp"; then return; fi
  local from=$SECONDS
  rm -f "$stamp"
  # The version is what the server answers at /version, and what kubectl compares.
  go build -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version -X k8s.io/client-go/pkg/version.gitVersion=$version" \
    -o "$dir/bin/" "$@"
  sha256sum "${files[@]}" >"$stamp"
  echo "built $name $version in $((SECONDS - from)) s"
}
built kubernetes go.mod go.sum -- k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager k8s.io/kubernetes/cmd/kubectl
built kubelet go.mod go.sum kubelet/*.go -- ./kubelet

if ! command -v etcd >/dev/null; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "etcd is not installed: apt-get install etcd-server as root, or put an etcd of version 3.4 or later on the PATH" >&2
    exit 1
  fi
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq etcd-server >/dev/null
fi
command -v openssl >/dev/null || { echo "openssl is needed for the certificates" >&2; exit 1; }
