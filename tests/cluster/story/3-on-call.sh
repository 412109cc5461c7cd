# Somebody on call looks into a pod, and tries what he may not.
# runs as: ops/on-call
pod=$(kubectl -n shop get pods -l app=page --sort-by=.metadata.creationTimestamp -o 'jsonpath={.items[-1:].metadata.name}')
kubectl -n shop logs "$pod"
kubectl -n shop exec "$pod" -- ls /data
refused kubectl get nodes
