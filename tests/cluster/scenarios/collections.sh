# A cleaner: deletes by selector in one call, and pods that the server named.
# runs as: ops/cleaner
for _ in 1 2; do kubectl -n shop create -f "$objects/probe-pod.yaml"; done
for pod in $(kubectl -n shop get pods -l app=probe -o name); do kubectl -n shop delete "$pod" --wait=false; done
kubectl -n shop create configmap old-1
kubectl -n shop label configmap old-1 stale=yes
kubectl delete --raw '/api/v1/namespaces/shop/configmaps?labelSelector=stale%3Dyes'
