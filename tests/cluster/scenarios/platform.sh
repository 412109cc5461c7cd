# A platform team: a namespace, a definition of a kind, a priority class, a volume claim, quotas, and a webhook configuration.
# runs as: ops/platform
kubectl create namespace preview
kubectl apply -f "$objects/platform.yaml"
kubectl wait --for=condition=Established crd/gizmos.example.com --timeout=30s
kubectl delete --wait=false -f "$objects/platform.yaml"
kubectl delete namespace preview --wait=false
