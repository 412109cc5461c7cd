# A node is emptied of some pods: cordon, eviction, uncordon.
# runs as: ops/drainer
kubectl drain node-1 --pod-selector=app=front --ignore-daemonsets --delete-emptydir-data --timeout=60s
kubectl uncordon node-1
kubectl -n shop rollout status deployment/front --timeout=60s
