# Somebody reads logs: of one pod, of a Deployment, of all with a label.
# runs as: ops/reader
kubectl -n shop logs "$(kubectl -n shop get pods -l app=front -o 'jsonpath={.items[0].metadata.name}')"
kubectl -n shop logs deployment/front
kubectl -n shop logs -l app=front --prefix
kubectl -n shop get events
kubectl -n shop describe deployment front >/dev/null
