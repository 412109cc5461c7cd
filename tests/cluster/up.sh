#!/usr/bin/env bash
# Starts a Kubernetes of our own in DIR: etcd, kube-apiserver, kube-controller-manager and one stand-in node, on loopback and free
# ports, with certificates made on the spot. DIR/admin.kubeconfig is for system:masters, DIR/audit.log the audit log.
# Usage: up.sh DIR; the programs are those of install.sh, in $TIGHTFIT_KUBERNETES.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:?usage: up.sh DIR}
bin=${TIGHTFIT_KUBERNETES:-${XDG_CACHE_HOME:-$HOME/.cache}/tightfit/kubernetes-1.36.2}/bin
umask 077
# What is meant for the outside world must not come between processes on loopback.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
mkdir -p "$dir/pki" "$dir/said"
dir=$(cd "$dir" && pwd)
[ ! -e "$dir/pids" ] || { echo "$dir: a cluster runs there already" >&2; exit 1; }
: >"$dir/pids"
trap '"$here/down.sh" "$dir"; tail -n 5 "$dir"/said/* >&2' ERR

# All ports are drawn while all are held, so that no two are the same.
read -r etcd_port peer_port api_port manager_port < <(python3 -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*(one.getsockname()[1] for one in held))')

cd "$dir/pki"
openssl req -quiet -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=tightfit-test 2>/dev/null \
  || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=tightfit-test 2>/dev/null
openssl genrsa -out service-accounts.key 2048 2>/dev/null
# certificate FILE SUBJECT [SUBJECT-ALTERNATIVE-NAMES]
certificate() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj "$2" -out "$1.csr" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out "$1.crt" \
    -extfile <(printf 'extendedKeyUsage=clientAuth,serverAuth\n%s' "${3:+subjectAltName=$3}") 2>/dev/null
}
names=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:10.96.0.1
certificate server /CN=kube-apiserver "$names"
certificate kubelet-client /CN=kube-apiserver-kubelet-client
# kubeconfig NAME SUBJECT
kubeconfig() {
  certificate "$1" "$2"
  local config=$dir/$1.kubeconfig
  "$bin/kubectl" --kubeconfig "$config" config set-cluster test --server "https://127.0.0.1:$api_port" --certificate-authority "$dir/pki/ca.crt" >/dev/null
  "$bin/kubectl" --kubeconfig "$config" config set-credentials "$1" --client-certificate "$dir/pki/$1.crt" --client-key "$dir/pki/$1.key" >/dev/null
  "$bin/kubectl" --kubeconfig "$config" config set-context test --cluster test --user "$1" >/dev/null
  "$bin/kubectl" --kubeconfig "$config" config use-context test >/dev/null
}
kubeconfig admin /O=system:masters/CN=admin
kubeconfig controller-manager /CN=system:kube-controller-manager
kubeconfig scheduler /CN=system:kube-scheduler
kubeconfig node-1 /O=system:nodes/CN=system:node:node-1
cd "$dir"

# start NAME PROGRAM ARGUMENT...: in the background, its id kept, its words in said/NAME.
start() {
  local name=$1
  shift
  "$@" >"$dir/said/$name" 2>&1 &
  echo $! >>"$dir/pids"
}
# until_true SECONDS WHAT COMMAND...
until_true() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || { echo "$what did not come up" >&2; return 1; }
    sleep 0.2
  done
}
# Nothing here must outlive the machine: no fsync.
start etcd etcd --name test --data-dir "$dir/etcd" --unsafe-no-fsync --logger zap --log-level warn \
  --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
  --listen-peer-urls "http://127.0.0.1:$peer_port" --initial-advertise-peer-urls "http://127.0.0.1:$peer_port" \
  --initial-cluster "test=http://127.0.0.1:$peer_port"
# The audit policy is the one that tightfit prints where a recording has holes, without the lines that only its template has.
sed '/{%/d' "$here/../../templates/coverage/audit-policy.yaml" >audit-policy.yaml
start apiserver "$bin/kube-apiserver" --etcd-servers "http://127.0.0.1:$etcd_port" \
  --bind-address 127.0.0.1 --advertise-address 127.0.0.1 --secure-port "$api_port" --endpoint-reconciler-type none \
  --client-ca-file pki/ca.crt --tls-cert-file pki/server.crt --tls-private-key-file pki/server.key \
  --kubelet-client-certificate pki/kubelet-client.crt --kubelet-client-key pki/kubelet-client.key \
  --kubelet-preferred-address-types InternalIP \
  --service-account-issuer https://kubernetes.default.svc --service-account-key-file pki/service-accounts.key \
  --service-account-signing-key-file pki/service-accounts.key --service-cluster-ip-range 10.96.0.0/16 \
  --allow-privileged --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction,OwnerReferencesPermissionEnforcement \
  --audit-policy-file audit-policy.yaml --audit-log-path "$dir/audit.log" --audit-log-mode blocking-strict
admin=("$bin/kubectl" --kubeconfig "$dir/admin.kubeconfig")
until_true 60 "the API server" "${admin[@]}" get --raw /readyz
start controller-manager "$bin/kube-controller-manager" --kubeconfig controller-manager.kubeconfig \
  --bind-address 127.0.0.1 --secure-port "$manager_port" --use-service-account-credentials --leader-elect=false \
  --service-account-private-key-file pki/service-accounts.key --root-ca-file pki/ca.crt \
  --cluster-signing-cert-file pki/ca.crt --cluster-signing-key-file pki/ca.key --controllers '*,bootstrapsigner,tokencleaner'
start kubelet "$bin/kubelet" --name node-1 --kubeconfig node-1.kubeconfig --scheduler-kubeconfig scheduler.kubeconfig \
  --certificate pki/server.crt --key pki/server.key
# The aggregated roles (admin, edit, view) are empty until the controller-manager has filled them.
filled() { [ -n "$("${admin[@]}" get clusterrole view -o 'jsonpath={.rules}')" ] && "${admin[@]}" -n default get serviceaccount default; }
until_true 60 "the controller-manager" filled
until_true 30 "the node" "${admin[@]}" wait --for=condition=Ready node/node-1 --timeout=1s
trap - ERR
