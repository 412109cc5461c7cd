# Somebody looks into a pod: exec over a websocket, attach, and an ephemeral container.
# runs as: ops/debugger
pod=$(kubectl -n shop get pods -l app=front -o 'jsonpath={.items[0].metadata.name}')
[ "$(kubectl -n shop exec "$pod" -- echo looked inside)" = "echo looked inside" ]
kubectl -n shop attach "$pod"
kubectl -n shop debug "$pod" --image=registry.example/tools:1 --target=front --attach=false -- sh
